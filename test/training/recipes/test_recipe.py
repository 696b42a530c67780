"""Recipes are read strictly."""

import json
from dataclasses import replace
from functools import lru_cache

import pytest
import torch

from depth_sr_ros.models import create_model, list_models
from training.datasets.registry import DATASETS
from training.evaluation.protocols import PROTOCOLS
from training.fitting.crop_loader import crop_options
from training.fitting.learning_rate import learning_rate
from training.fitting.objective import check_losses, parameter_groups
from training.fitting.train import RECIPES
from training.recipes.recipe import OptimiserOptions, load_recipe

SCORED_BY = {"_live": {"live"}, "dagf_x8_noisy_local": {"noisy-middlebury"}, "denoising": {"dkn-noise"}}
SHIPPED = sorted(RECIPES.glob("*.yaml"))


@lru_cache
def _network(model, scale, options):
    with torch.device("meta"):
        return create_model(model, scale=scale, **json.loads(options))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipes_name_what_there_is(path):
    recipe = load_recipe(path)
    assert path.stem.startswith(f"{recipe.model}_x{recipe.scale}")
    network = _network(recipe.model, recipe.scale, json.dumps(recipe.model_options))
    assert parameter_groups(network, recipe.loss)
    check_losses(network, recipe)
    assert not any(side % network.size_multiple for side in crop_options(recipe).shape)
    data = recipe.data
    assert {*data.collections, *data.dev} <= set(DATASETS)
    shares = [*data.shares.values(), *(c.share for c in data.collections.values()), data.procedural]
    assert sum(shares) == pytest.approx(1)
    assert not recipe.queries or network.samples_pixels
    assert recipe.crops.scales is None or network.any_position
    assert set(recipe.evaluation) <= set(PROTOCOLS)
    expected = next((protocols for words, protocols in SCORED_BY.items() if words in path.stem), set())
    assert expected <= set(recipe.evaluation)


@pytest.mark.parametrize("start", [p for p in SHIPPED if "local" in p.stem or "live" in p.stem], ids=lambda p: p.stem)
def test_recipes_start_from_runs_of_recipes_that_ship(start):
    """A run called mean is an average of others."""
    weights = load_recipe(start).start_from
    assert weights is None or "_mean" in weights or (RECIPES / f"{weights.split('/')[1]}.yaml").is_file()


def test_every_model_has_recipes_for_its_papers_scales_and_a_small_machine():
    names = {p.stem for p in SHIPPED}
    for model in set(list_models()) - {"fdkn_s", "jiif_s"}:  # which no paper has
        for scale in (4, 8, 16):
            assert {f"{model}_x{scale}", f"{model}_x{scale}_local"} <= names
    assert {"dada_x32", "dada_x32_local"} <= names


@pytest.mark.parametrize("scale", [4, 8])
def test_the_papers_fdkn_has_one_recipe_for_all_scales(scale):
    """`fdkn_x4` and `fdkn_x8` are stages of the weights that ship."""
    paper, other = (load_recipe(RECIPES / f"{name}.yaml") for name in (f"fdkn_x{scale}_paper", "fdkn_x16"))
    assert paper == replace(other, scale=scale)


def test_recipe_begins_from_another_and_replaces_single_settings(tmp_path):
    (tmp_path / "base.yaml").write_text("model: fdkn\noptimiser: {learning_rate: 0.5, decay: 0.3}\nseed: 3\n")
    (tmp_path / "r.yaml").write_text("extends: base\nscale: 4\noptimiser: {decay: 0.7}\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    assert (recipe.model, recipe.scale, recipe.seed) == ("fdkn", 4, 3)
    assert (recipe.optimiser.learning_rate, recipe.optimiser.decay) == (0.5, 0.7)


def test_shares_are_replaced_as_a_whole(tmp_path):
    (tmp_path / "base.yaml").write_text("model: fdkn\nscale: 8\ndata: {shares: {a: 0.5, b: 0.5}, splits: [x]}\n")
    (tmp_path / "r.yaml").write_text("extends: base\ndata: {shares: {c: 1.0}}\n")
    data = load_recipe(tmp_path / "r.yaml").data
    assert (data.shares, data.splits) == ({"c": 1.0}, ("x",))


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ({"r": "extends: nowhere"}, FileNotFoundError, "extends 'nowhere', but there is no"),
        ({"r": "extends: s", "s": "extends: r"}, ValueError, "leads back to itself"),
    ],
)
def test_what_cannot_be_extended_is_named(tmp_path, files, error, words):
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(error, match=words):
        load_recipe(tmp_path / "r.yaml")


def test_learning_rates_follow_their_schedules():
    cosine = OptimiserOptions(learning_rate=1.0)
    steps = OptimiserOptions(learning_rate=1.0, schedule="steps", decay_every=10, decay=0.2)
    assert [learning_rate(cosine, 5, p) for p in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [learning_rate(steps, step, 0.9) for step in (0, 9, 10, 25)] == pytest.approx([1, 1, 0.2, 0.04])
    assert learning_rate(OptimiserOptions(learning_rate=1.0, schedule="constant"), 99, 0.9) == 1


def test_misspelt_setting_proposes_the_nearest(tmp_path):
    (tmp_path / "r.yaml").write_text("model: fdkn\nscale: 8\noptimiser: {learning_rat: 0.1}\n")
    with pytest.raises(ValueError, match="optimiser: unknown setting 'learning_rat'; did you mean 'learning_rate'"):
        load_recipe(tmp_path / "r.yaml")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("optimiser: {learning_rate: 1e-3}", "learning_rate: expected float, found '1e-3'; write 1.0e-3"),
        ("evaluate_every: 0", "evaluate_every: expected more than 0"),
        ("max_steps: -5", "max_steps: expected 0 or more"),
        ("batch_size: many", "batch_size: expected int, found 'many'"),
        ("crops: {size: 250}", "crops.size: expected a multiple of scale 8"),
        ("crops: {invert: 0.7, reciprocal: 0.7}", "at most 1"),
        ("data: {shares: {a: 1.0}, every_nth_frame: {b: 5}}", r"every_nth_frame: \['b'\] not among"),
        ("data: [", "expected YAML"),
        ("data: 5", "data: expected a mapping of settings, found 5"),
        ("data: {collections: {nyu: {spilt: test}}}", "collections.nyu: unknown setting 'spilt'; did you mean 'split'"),
        ("optimiser: {name: sgd}", r"optimiser.name: expected one of \('adam', 'muon'\), found 'sgd'"),
        ("optimiser: {name: muon, weight_decay: 0.1}", "optimiser.weight_decay: expected 0 with muon, found 0.1"),
        ("optimiser: {schedule: linear}", "optimiser.schedule: expected one of"),
        ("optimiser: {schedule: steps}", "optimiser.decay_every"),
        ("average_weights: 1.0", "average_weights: expected less than 1"),
        ("loss: {}", "loss: expected at least one"),
        ("loss: {l1: 1e-3}", "loss.l1: expected float, found '1e-3'; write 1.0e-3"),
        ("loss: {sr: {l1: 1e-3}}", "loss.sr.l1: expected float, found '1e-3'"),
        ("start_anew: [heads.*]", r"start_anew: \['heads.\*'\] needs start_from"),
        ("start_from: 3", "start_from: expected str, found 3"),
        ("backbone_from: 3", "backbone_from: expected str, found 3"),
        ("start_from: a.safetensors\nbackbone_from: b.pth", "backbone_from: b.pth and start_from: a.*leave one"),
        ("crops: {degradations: {bicubic: -1.0}}", "degradations.bicubic: expected 0 or more, found -1.0"),
        ("crops: {degradations: bicubic}", "degradations: expected a mapping, found 'bicubic'"),
        ("crops: {enlargements: [1.0, big]}", r"enlargements\[1\]: expected float, found 'big'"),
        ("crops: {scales: [1.0]}", "scales: expected 2 values"),
        ("crops: {scales: 3.0}", "scales: expected a list, found 3.0"),
        ("optimiser: {betas: [0.9, true]}", r"betas\[1\]: expected float, found True"),
        ("data: {splits: train}", "splits: expected a list, found 'train'"),
        ("data: {every_nth_frame: {a: 1.5}, shares: {a: 1.0}}", "every_nth_frame.a: expected int, found 1.5"),
        ("model_options: {scale: 4}", "model_options.scale: the recipe's own `scale` says it"),
        ("evaluation: []", "evaluation: expected at least one protocol"),
        ("crops: {size: 256, width: 100}", "crops.width: expected a multiple of scale 8"),
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
