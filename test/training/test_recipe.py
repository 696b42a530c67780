"""Recipes are read strictly."""

import pytest

from training.recipe import load_recipe
from training.train import RECIPES


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_recipes_can_be_read(path):
    recipe = load_recipe(path)
    assert path.stem.startswith(f"{recipe.model}_x{recipe.scale}")
    assert sum(recipe.data.shares.values()) == pytest.approx(1)


def test_misspelt_setting_proposes_the_nearest(tmp_path):
    (tmp_path / "r.yaml").write_text("model: fdkn\nscale: 8\noptimiser: {learning_rat: 0.1}\n")
    with pytest.raises(ValueError, match="optimiser: unknown setting 'learning_rat'; did you mean 'learning_rate'"):
        load_recipe(tmp_path / "r.yaml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("optimiser: {learning_rate: 1e-3}", "learning_rate: expected float, found '1e-3'; write 1.0e-3"),
        ("max_minutes: 0", "max_minutes: expected more than 0"),
        ("max_steps: -5", "max_steps: expected 0 or more"),
        ("batch_size: many", "batch_size: expected int, found 'many'"),
        ("crops: {size: 250}", "crops.size: expected a multiple of scale 8"),
        ("crops: {invert: 0.7, reciprocal: 0.7}", "at most 1"),
        ("data: {shares: {a: 1.0}, every_nth_frame: {b: 5}}", r"every_nth_frame: \['b'\] not among"),
        ("data: [", "expected YAML"),
    ],
)
def test_values_that_cannot_be_used_are_named(tmp_path, line, words):
    (tmp_path / "r.yaml").write_text(f"model: fdkn\nscale: 8\n{line}\n")
    with pytest.raises(ValueError, match=words):
        load_recipe(tmp_path / "r.yaml")


def test_empty_section_takes_its_defaults(tmp_path):
    (tmp_path / "r.yaml").write_text("model: fdkn\nscale: 8\ndata:\n")
    assert load_recipe(tmp_path / "r.yaml").data.splits == ("train",)


def test_missing_setting_is_named(tmp_path):
    (tmp_path / "r.yaml").write_text("model: fdkn\n")
    with pytest.raises(ValueError, match="scale"):
        load_recipe(tmp_path / "r.yaml")


def test_no_mapping(tmp_path):
    (tmp_path / "r.yaml").write_text("- 1\n")
    with pytest.raises(ValueError, match="expected a mapping"):
        load_recipe(tmp_path / "r.yaml")


def test_missing_file_lists_the_shipped_recipes(tmp_path):
    with pytest.raises(FileNotFoundError, match="fdkn_x8"):
        load_recipe(tmp_path / "r.yaml")
