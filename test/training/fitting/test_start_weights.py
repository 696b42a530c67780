"""What runs begin with: weights of earlier runs, of shipped artifacts, and what is said where they are missing."""

import json
import re
import shutil

import pytest
import torch

from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.models.weights import load_weights
from training.__main__ import main
from training.fitting.run_folder import _start_words
from training.fitting.start_weights import command_for, fitting_artifacts, named_weights, recipe_to_train
from training.fitting.train import RECIPES
from training.recipes.recipe import load_recipe

# steps too small to leave the weights that they began with
RECIPE = """
model: fdkn
scale: 8
start_from: runs/fdkn_x8_mean3/weights.safetensors
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
optimiser: {learning_rate: 1.0e-12}
batch_size: 1
max_steps: %d
evaluate_every: 1
workers: 0
"""
STARTING = [p for p in sorted(RECIPES.glob("*.yaml")) if load_recipe(p).start_from]


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


def test_facts_say_what_was_given_and_what_came_before(run, artifact):
    facts = json.loads((run / "training.json").read_text())
    assert facts["steps"] == 2 and facts["recipe"] == "mine"
    assert facts["command"] == "python -m training train --recipe mine --data DATA --out RUN --start-from fdkn_x8"
    assert facts["earlier"] == dict(artifact.card.training)


def test_facts_name_the_weights_that_were_drawn_anew(run, tmp_path, data_folder):
    arguments = _arguments(tmp_path, data_folder, 1)
    with (tmp_path / "mine.yaml").open("a") as recipe:
        recipe.write("start_anew: [guide_branch.*]\n")
    assert main(["train", *arguments, "--start-from", "fdkn_x8"]) == 0
    assert json.loads((tmp_path / "run" / "training.json").read_text())["start_anew"] == ["guide_branch.*"]
    assert "start_anew" not in json.loads((run / "training.json").read_text())


def test_a_run_that_is_resumed_keeps_its_start(run, data_folder, capsys):
    arguments = _arguments(run.parent, data_folder, 3)
    assert main(["train", *arguments, "--resume", "--start-from", "fdkn_x8"]) == 2
    assert "--start-from: " in capsys.readouterr().err
    assert load_recipe(run / "mine.yaml").start_from == str(SHIPPED / "fdkn_x8" / "weights.safetensors")
    assert main(["train", *arguments, "--start-from", "fdkn_x4"]) == 2
    assert "last.ckpt: there is a run already" in capsys.readouterr().err
    assert "artifacts/fdkn_x8/" in load_recipe(run / "mine.yaml").start_from


def test_a_run_goes_on_where_its_start_is_gone(run, tmp_path, data_folder):
    """The checkpoint holds all weights, the run's folder what was known of them."""
    arguments = _arguments(tmp_path, data_folder, 1)
    first = shutil.copytree(run, tmp_path / "first")
    assert main(["train", *arguments, "--start-from", str(first)]) == 0
    shutil.rmtree(first)
    assert main(["train", *_arguments(tmp_path, data_folder, 2), "--resume"]) == 0
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert facts["steps"] == 2 and facts["earlier"] == json.loads((run / "training.json").read_text())


def test_a_path_is_no_part_of_the_facts(run, tmp_path):
    (tmp_path / "mine.yaml").write_text(RECIPE % 1)
    kept = recipe_to_train(tmp_path / "mine.yaml", tmp_path / "out", str(run))
    assert load_recipe(kept).start_from == str((run / "weights.safetensors").resolve())
    assert _start_words(kept) == " --start-from WEIGHTS" and _start_words(tmp_path / "mine.yaml") == ""


def test_missing_start_says_what_makes_it_and_what_ships(data_folder, tmp_path, capsys):
    assert main(["train", *_arguments(tmp_path, data_folder, 1)]) == 2
    said = capsys.readouterr().err
    assert "mine.yaml: starts from runs/fdkn_x8_mean3/weights.safetensors, which is not there" in said
    average = "average runs/fdkn_x8_l2 runs/fdkn_x8_l2b runs/fdkn_x8_l2c --out runs/fdkn_x8_mean3"
    assert f"`python -m training {average}` makes it" in said
    assert "`--start-from fdkn_x8` begins with weights that ship" in said
    assert not (tmp_path / "run").exists()


def test_unknown_weights_list_what_ships(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere: expected .* those that ship: \[.*'dagf_x8', "):
        named_weights("nowhere")


@pytest.mark.parametrize("recipe", STARTING, ids=lambda p: p.stem)
def test_all_that_recipes_start_from_can_be_made(recipe):
    """Down to recipes that start from nothing, by commands of this package alone."""
    weights, name = load_recipe(recipe).start_from, recipe.stem
    todo, seen = [(weights, name)], set()
    while todo:
        weights, name = todo.pop()
        command = command_for(weights, name)
        assert command, weights
        if command in seen:
            continue
        seen.add(command)
        assert command.endswith(f"--out {weights.removesuffix('/weights.safetensors')}")
        for needed in re.findall(r"(?<!--out )runs/\w+", command.replace("/shrunk", "").replace("/grown", "")):
            todo.append((f"{needed}/weights.safetensors", needed.removeprefix("runs/")))
        if made_by := re.search(r"training train --recipe (\w+)", command):
            before = load_recipe(RECIPES / f"{made_by[1]}.yaml").start_from
            todo += [(before, made_by[1])] if before else []


def test_shares_of_a_mean_are_part_of_its_command():
    command = command_for("runs/jiif_x8_live_mean8/weights.safetensors", "jiif_x8_dense_live")
    expected = "average runs/jiif_x8_gpu runs/jiif_x8_gpu_live --shares 1 4 --out runs/jiif_x8_live_mean8"
    assert command == f"python -m training {expected}"


def test_parts_of_a_mean_are_part_of_its_command():
    command = command_for("runs/dagf_x8_live_mean2/weights.safetensors", "dagf_x8_varied_live")
    assert command.endswith(" --part guide 2 3 --out runs/dagf_x8_live_mean2") and "runs/parts" not in command


def test_no_command_is_made_up_for_a_run_of_a_recipe_that_does_not_ship():
    assert command_for("runs/mine/shrunk/weights.safetensors", "fdkn_s_x8_local") is None
    assert command_for("runs/mine/weights.safetensors", "fdkn_s_x8_local") is None


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("fdkn_x8_live", "fdkn_x8"),
        ("fdkn_s_x8_last", "fdkn_s_x8"),
        ("dagf_x4_last", "dagf_x4"),
        ("jiif_x4_deep", "jiif_x4"),
        ("jiif_x16_deep", "jiif_x16"),
    ],
)
def test_shipped_weights_that_fit_are_found(recipe, expected):
    recipe = load_recipe(RECIPES / f"{recipe}.yaml")
    found = fitting_artifacts(recipe)
    assert found[0] == expected
    assert all(read_artifact(SHIPPED / name).card.model == recipe.model for name in found)
