"""A live training: it runs, may be killed at any moment, and goes on as if it had not been."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.weights import load_weights
from training.__main__ import main
from training.datasets.live.dev import _write, dev_crops
from training.fitting.live.module import LiveTraining
from training.fitting.live.run_artifact import export_live_run
from training.fitting.live.train import live_step_to_resume, train_live
from training.fitting.live.validation import LiveEvaluation, ratio_to_filter
from training.recipes.live_recipe import LiveRecipe
from training.recipes.names import RecipeFile
from training.recipes.provenance import provenance_of, summary

from .test_validation import _crop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RECIPE = """
model: fdkn
model_options: {widths: [8, 8, 8]}
scenes: {procedural: 1.0}
size: 32
margin: 8
batch_size: 2
optimiser: {learning_rate: 2.0e-3, warmup_steps: 5}
average_weights: 0.9
max_steps: 40
evaluate_every: 15
checkpoint_every: 4
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "tiny.yaml"
    path.write_text(RECIPE)
    return RecipeFile(path)


def _prepared(out):
    """A run's folder with crops to validate on, for a data folder without dev scenes of the right kind."""
    out.mkdir(parents=True, exist_ok=True)
    _write([_crop(), _crop("r4", 1)], out / "validation.npz")
    return out


@pytest.fixture(scope="module")
def data(tmp_path_factory, scenes):
    """A data folder with one photograph, which procedural scenes take textures from."""
    folder = tmp_path_factory.mktemp("data")
    scenes(folder, "a", 1, (330, 340))
    line = "train,middlebury2006_third,a,v1,a_rgb.png,a_gt.png,disparity: png value / 3 = px,"
    (folder / "manifest.csv").write_text(f"split,set,scene,view,rgb,gt,unit,note\n{line}\n")
    return folder


@pytest.fixture(scope="module")
def uninterrupted(recipe, data, tmp_path_factory):
    out = _prepared(tmp_path_factory.mktemp("uninterrupted"))
    train_live(recipe, data, out)
    return out


def test_a_run_becomes_an_artifact_that_says_where_it_comes_from_and_how_good_it_is(
    uninterrupted, recipe, data, tmp_path
):
    artifact = export_live_run(recipe, uninterrupted, data, tmp_path / "fdkn_live")
    card, record = artifact.card, provenance_of(artifact.weights)
    assert (card.name, card.scale, card.training["recipe"]) == ("fdkn_live", 0, "tiny_live")
    assert summary(record).items() <= card.training.items() and card.training["selected_on"] == "dev"
    assert card.command == "python -m training train --recipe tiny_live --data DATA --out RUN"
    assert record.weights == record.last["weights"] == card.files["weights.safetensors"]
    network = create_live_model("fdkn", widths=(8, 8, 8))
    network.load_state_dict(load_weights(artifact.weights))
    found = LiveEvaluation(dev_crops(data, uninterrupted / "validation.npz"))(network.eval())
    dev = card.evaluation["dev"]
    assert set(dev["network"]) == set(dev["filter"]) == {one.camera for one in found} == {"r2", "r4"}
    for one in found:
        assert dev["network"][one.camera]["edges"] == pytest.approx(one.measures["network"]["edges"], abs=0.01)
    assert dev["ratio_to_filter"] == pytest.approx(ratio_to_filter(found), abs=1e-3)


def test_the_command_exports_live_runs(uninterrupted, data, tmp_path, capsys):
    words = ["export", "--recipe", "fdkn_live", "--run", str(uninterrupted), "--artifact", str(tmp_path / "a")]
    assert main(words) == 2 and "expected the weights of fdkn's live form" in capsys.readouterr().err
    assert main([*words, "--variant", "noisy"]) == 2 and "--variant: expected none" in capsys.readouterr().err


def test_a_run_leaves_weights_that_load_and_their_record(uninterrupted):
    network = create_live_model("fdkn", widths=(8, 8, 8))
    network.load_state_dict(load_weights(uninterrupted / "weights.safetensors"))
    record = provenance_of(uninterrupted / "weights.safetensors").last
    assert record["kind"] == "train" and record["steps"] <= 40 and record["settings"]["size"] == 32
    told = (uninterrupted / "validation.txt").read_text()
    assert told.count("| camera | start | filter | network |") == 3 and "step 40" in told


def test_training_moves_the_weights(uninterrupted):
    state = torch.load(uninterrupted / "last.ckpt", weights_only=True)["state_dict"]
    fresh = create_live_model("fdkn", widths=(8, 8, 8)).state_dict()
    assert state.keys() >= {f"network.{name}" for name in fresh}
    moved = [not torch.equal(state[f"network.{name}"], value) for name, value in fresh.items()]
    assert np.mean(moved) > 0.9


def _process(recipe, data, out):
    code = (
        "import sys; from pathlib import Path; from training.fitting.live.train import train_live; "
        "from training.recipes.names import RecipeFile; "
        "train_live(RecipeFile(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, str(recipe.path), str(data), str(out)]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("kind", (signal.SIGKILL, signal.SIGTERM))
def test_a_run_that_was_stopped_ends_like_one_that_was_not(kind, recipe, data, uninterrupted, tmp_path):
    out = _prepared(tmp_path)
    process = _process(recipe, data, out)
    while not (out / "last.ckpt").is_file():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    process.send_signal(kind)
    process.communicate(timeout=300)
    assert process.returncode != 0
    assert int(torch.load(out / "last.ckpt", weights_only=True)["global_step"]) < 40
    train_live(recipe, data, out, resume=True)
    ours, theirs = (load_file(folder / "weights.safetensors") for folder in (out, uninterrupted))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    ours, theirs = (torch.load(folder / "last.ckpt", weights_only=True) for folder in (out, uninterrupted))
    for part in ("state_dict", "current_model_state"):
        assert all(torch.equal(ours[part][name], value) for name, value in theirs[part].items())


def test_a_run_is_not_replaced_and_another_recipe_does_not_resume_it(recipe, data, uninterrupted):
    with pytest.raises(ValueError, match="a run exists already"):
        train_live(recipe, data, uninterrupted)
    other = LiveRecipe("fdkn", {"widths": [8, 8, 8]}, size=48)
    with pytest.raises(ValueError, match="belongs to a run with other settings.*'size': \\(32, 48\\)"):
        live_step_to_resume(uninterrupted / "last.ckpt", other)
    with pytest.raises(FileNotFoundError, match="nothing to resume from"):
        live_step_to_resume(uninterrupted / "none.ckpt", other)


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match="expected weights of some of"):
        LiveTraining(LiveRecipe("fdkn", {"widths": [8, 8, 8]}, loss={"l3": 1.0}))
