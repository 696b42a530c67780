"""A run that is killed or stopped and then resumed ends with the weights that it would have had."""

import os
import signal
import time

import pytest
import torch
from safetensors.torch import load_file

from training.recipes.provenance import provenance_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RECIPE = """
model: tiny
scale: 8
model_options: {dropout: 0.2}
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32, enlargements: [1.0, 2.0], colour_jitter: 0.5, degradations: {bicubic: 0.5, "box+gaussian:0.01": 0.5}}
batch_size: 2
queries: 500
average_weights: 0.9
max_steps: 400
max_minutes: 0
evaluate_every: 150
checkpoint_every: 7
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "tiny.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def uninterrupted(recipe, start_training, tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted")
    assert _wait(start_training(recipe, out)) == 0
    return out


def _wait(process):
    _, errors = process.communicate(timeout=400)
    assert process.returncode in (0, 130, -signal.SIGKILL), errors
    return process.returncode


def _when_written(file, process):
    while not file.is_file():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)


def _assert_same_tensors(ours, theirs):
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def _best_score(checkpoint):
    (score,) = [s["best_model_score"] for s in checkpoint["callbacks"].values() if "best_model_score" in s]
    return score


def _assert_same_end(out, uninterrupted):
    _assert_same_tensors(*(load_file(folder / "weights.safetensors") for folder in (out, uninterrupted)))
    ours, theirs = (torch.load(folder / "last.ckpt", weights_only=True) for folder in (out, uninterrupted))
    _assert_same_tensors(ours["state_dict"], theirs["state_dict"])
    _assert_same_tensors(ours["current_model_state"], theirs["current_model_state"])
    for number, state in theirs["optimizer_states"][0]["state"].items():
        _assert_same_tensors(ours["optimizer_states"][0]["state"][number], state)
    assert ours["global_step"] == theirs["global_step"] == 400
    assert _best_score(ours) == _best_score(theirs)


@pytest.mark.parametrize(("kind", "file"), [(signal.SIGKILL, "best.ckpt"), (signal.SIGTERM, "last.ckpt")])
def test_resumed_run_ends_like_one_that_was_never_stopped(kind, file, recipe, uninterrupted, start_training, tmp_path):
    process = start_training(recipe, tmp_path)
    _when_written(tmp_path / file, process)
    if kind == signal.SIGKILL:
        os.killpg(process.pid, kind)
    else:
        process.send_signal(kind)
    assert _wait(process) == (-kind if kind == signal.SIGKILL else 130)
    assert not (tmp_path / "weights.safetensors").exists()

    assert _wait(start_training(recipe, tmp_path, "--resume")) == 0
    facts = provenance_of(tmp_path / "weights.safetensors").last
    assert 0 < facts["resumed_at"] < facts["steps"] == 400
    _assert_same_end(tmp_path, uninterrupted)
