"""What runs begin with: weights of runs, of shipped artifacts, and what is said where they are missing."""

import shutil

import pytest
import torch

from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.models.weights import load_weights
from training.__main__ import main
from training.fitting.run_folder import _given_words
from training.fitting.start_weights import (
    Given,
    fitting_artifacts,
    given_options,
    named_weights,
    recipe_to_train,
    start_of,
)
from training.recipes.names import list_recipes
from training.recipes.provenance import provenance_of, sha256_of
from training.recipes.recipe import load_recipe

# steps too small to leave the weights that they began with
RECIPE = """
model: fdkn
scale: 8
start_from: runs/mine/weights.safetensors
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
optimiser: {learning_rate: 1.0e-12}
batch_size: 1
max_steps: %d
evaluate_every: 1
workers: 0
"""
STARTING = [name for name in list_recipes() if load_recipe(name).start_from]


def _arguments(folder, data, steps):
    (folder / "mine.yaml").write_text(RECIPE % steps)
    return ["--recipe", str(folder / "mine.yaml"), "--data", str(data), "--out", str(folder / "run")]


@pytest.fixture(scope="module")
def run(tmp_path_factory, data_folder):
    """A run of one step from the shipped weights, resumed for a second one."""
    folder = tmp_path_factory.mktemp("start")
    assert main(["train", *_arguments(folder, data_folder, 1), "--start-from", "fdkn_x8"]) == 0
    assert main(["train", *_arguments(folder, data_folder, 2), "--resume"]) == 0
    return folder / "run"


def test_given_weights_stand_for_those_that_the_recipe_names(run):
    began, ended = load_weights(SHIPPED / "fdkn_x8" / "weights.safetensors"), load_weights(run / "weights.safetensors")
    for name, tensor in began.items():
        if name.endswith(".weight"):
            torch.testing.assert_close(ended[name], tensor, atol=1e-6, rtol=0)


def test_the_record_says_what_was_given_and_what_came_before(run, artifact):
    *before, last = provenance_of(run / "weights.safetensors").stages
    assert last["steps"] == 2 and last["recipe"] == "mine"
    assert last["command"] == "python -m training train --recipe mine --data DATA --out RUN --start-from fdkn_x8"
    assert tuple(before) == provenance_of(artifact.weights).stages and last["parents"] == [before[-1]["id"]]
    assert last["start_weights"] == [artifact.card.files["weights.safetensors"]]


def test_facts_name_the_weights_that_were_drawn_anew(run, tmp_path, data_folder):
    arguments = _arguments(tmp_path, data_folder, 1)
    with (tmp_path / "mine.yaml").open("a") as recipe:
        recipe.write("start_anew: [guide_branch.*]\n")
    assert main(["train", *arguments, "--start-from", "fdkn_x8"]) == 0
    first, other = (provenance_of(folder / "run" / "weights.safetensors").last for folder in (tmp_path, run.parent))
    assert first["settings"]["start_anew"] == ["guide_branch.*"] and "start_anew" not in other["settings"]


def test_a_run_that_is_resumed_keeps_its_start(run, data_folder, capsys):
    arguments = _arguments(run.parent, data_folder, 3)
    assert main(["train", *arguments, "--resume", "--start-from", "fdkn_x8"]) == 2
    assert "--start-from: " in capsys.readouterr().err
    assert load_recipe(run / "mine.yaml").start_from == str(SHIPPED / "fdkn_x8" / "weights.safetensors")
    assert main(["train", *arguments, "--start-from", "fdkn_x4"]) == 2
    assert "last.ckpt: a run exists already" in capsys.readouterr().err
    assert "artifacts/fdkn_x8/" in load_recipe(run / "mine.yaml").start_from


def test_a_run_goes_on_where_its_start_is_gone(run, tmp_path, data_folder):
    """The checkpoint holds all weights, the run's folder what was known of them."""
    arguments = _arguments(tmp_path, data_folder, 1)
    first = shutil.copytree(run, tmp_path / "first")
    begun = provenance_of(first / "weights.safetensors")
    assert main(["train", *arguments, "--start-from", str(first)]) == 0
    shutil.rmtree(first)
    assert main(["train", *_arguments(tmp_path, data_folder, 2), "--resume"]) == 0
    record = provenance_of(tmp_path / "run" / "weights.safetensors")
    assert record.last["steps"] == 2 and record.last["start_weights"] == [begun.weights]
    assert record.stages[:-1] == begun.stages


def test_a_path_is_no_part_of_the_facts(run, tmp_path):
    (tmp_path / "mine.yaml").write_text(RECIPE % 1)
    kept = recipe_to_train(tmp_path / "mine.yaml", tmp_path / "out", Given(str(run)))
    assert load_recipe(kept).start_from == str((run / "weights.safetensors").resolve())
    assert _given_words(kept.path) == " --start-from WEIGHTS" and _given_words(tmp_path / "mine.yaml") == ""


def test_a_run_can_be_made_shorter_and_says_so(tmp_path, data_folder):
    arguments = _arguments(tmp_path, data_folder, 9)
    assert main(["train", *arguments, "--start-from", "fdkn_x8", "--max-steps", "1"]) == 0
    assert main(["train", *arguments, "--resume", "--max-steps", "2"]) == 0
    last = provenance_of(tmp_path / "run" / "weights.safetensors").last
    assert last["steps"] == last["settings"]["max_steps"] == 2
    assert last["command"].endswith("--out RUN --start-from fdkn_x8 --max-steps 2")
    assert given_options(tmp_path / "run" / "mine.yaml") == Given("fdkn_x8", 2)


@pytest.mark.parametrize("steps", ["0", "-1", "few"])
def test_a_run_has_a_step(steps, tmp_path, data_folder, capsys):
    with pytest.raises(SystemExit):
        main(["train", *_arguments(tmp_path, data_folder, 1), "--max-steps", steps])
    assert f"expected 1 or more steps, found {steps}" in capsys.readouterr().err


def test_missing_start_says_what_ships(data_folder, tmp_path, capsys):
    assert main(["train", *_arguments(tmp_path, data_folder, 1)]) == 2
    said = capsys.readouterr().err
    assert "mine.yaml: starts from runs/mine/weights.safetensors, which is not there" in said
    assert "`--start-from fdkn_x8` begins with weights that ship" in said
    assert not (tmp_path / "run").exists()


def test_unknown_weights_list_what_ships(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected .* those that ship: \[.*'dagf_x8', "):
        named_weights("nowhere")


@pytest.mark.parametrize("name", STARTING)
def test_recipes_begin_with_weights_that_ship_and_fit(name):
    """Everybody has them, and nobody has the runs of others."""
    recipe = load_recipe(name)
    assert recipe.start_from in fitting_artifacts(recipe)
    assert sha256_of(start_of(recipe)) == read_artifact(SHIPPED / recipe.start_from).card.files["weights.safetensors"]


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("fdkn_x8_live", "fdkn_x8"),
        ("fdkn_s_x8_local", "fdkn_s_x8"),
        ("jiif_x4_local", "jiif_x4"),
        ("jiif_x16_live", "jiif_x16"),
    ],
)
def test_shipped_weights_that_fit_are_found(recipe, expected):
    recipe = load_recipe(recipe)
    found = fitting_artifacts(recipe)
    assert found[0] == expected
    assert all(read_artifact(SHIPPED / name).card.model == recipe.model for name in found)
