"""Recipes are read strictly."""

from dataclasses import replace

import pytest

from training.fitting.learning_rate import learning_rate
from training.recipes.names import RecipeFile
from training.recipes.recipe import OptimiserOptions, load_recipe


def test_recipe_begins_from_another_and_replaces_single_settings(tmp_path):
    (tmp_path / "base.yaml").write_text("model: fdkn\noptimiser: {learning_rate: 0.5, decay: 0.3}\nseed: 3\n")
    (tmp_path / "r.yaml").write_text("extends: base\nscale: 4\noptimiser: {decay: 0.7}\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    assert (recipe.model, recipe.scale, recipe.seed) == ("fdkn", 4, 3)
    assert (recipe.optimiser.learning_rate, recipe.optimiser.decay) == (0.5, 0.7)


SCALED = "model: fdkn\nscale: 8\nseed: 1\nbatch_size: 2\nscales: {4: {seed: 4, crops: {size: 64}}, 16: {seed: 16}}\n"


def test_a_file_says_what_differs_at_other_scales(tmp_path):
    (tmp_path / "r.yaml").write_text(SCALED)
    of_8, of_4 = (load_recipe(RecipeFile(tmp_path / "r.yaml", scale)) for scale in (None, 4))
    assert (of_8.scale, of_8.seed, of_8.crops.size) == (8, 1, 256)
    assert (of_4.scale, of_4.seed, of_4.crops.size, of_4.batch_size) == (4, 4, 64, 2)
    with pytest.raises(ValueError, match=r"r.yaml: expected one of its scales \[4, 8, 16\], found 2"):
        load_recipe(RecipeFile(tmp_path / "r.yaml", 2))


def test_what_extends_comes_after_what_the_other_file_says_of_a_scale(tmp_path):
    (tmp_path / "base.yaml").write_text(SCALED)
    (tmp_path / "r.yaml").write_text("extends: base\nscale: 4\nseed: 7\n")
    recipe = load_recipe(tmp_path / "r.yaml")
    assert (recipe.scale, recipe.seed, recipe.crops.size) == (4, 7, 64)
    (tmp_path / "r.yaml").write_text("extends: base\nseed: 7\nscales: {16: {seed: 8}}\n")
    assert load_recipe(RecipeFile(tmp_path / "r.yaml", 16)).seed == 8
    with pytest.raises(ValueError, match=r"scales \[8, 16\], found 4"):
        load_recipe(RecipeFile(tmp_path / "r.yaml", 4))


@pytest.mark.parametrize("words", ["fdkn_x4_local", "fdkn/local\nscale: 4"])
def test_a_recipe_of_ones_own_begins_from_one_that_ships(words, tmp_path):
    (tmp_path / "r.yaml").write_text(f"extends: {words}\nseed: 5\n")
    assert load_recipe(tmp_path / "r.yaml") == replace(load_recipe("fdkn_x4_local"), seed=5)


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
        ("scales: [4]", "scales: expected settings by scale"),
        ("scales: {4: 5}", "scales: expected settings by scale"),
        ("scales: {x4: {}}", r"scales: expected whole numbers, found \['x4'\]"),
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


def test_a_missing_file_lists_whose_recipes_ship(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"r.yaml: expected .*; there are recipes of \[.*'fdkn', "):
        load_recipe(tmp_path / "r.yaml")
