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
