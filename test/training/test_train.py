"""The whole way on a made-up data set: train, resume, evaluate, export, run."""

import json

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from depth_sr_ros.upsampler import Upsampler
from training.__main__ import main

RECIPE = """
model: fdkn
scale: 8
data: {splits: [train], shares: {layers: 1.0}}
crops: {size: 32}
batch_size: 2
max_steps: %d
max_minutes: 60
evaluate_every: 6
workers: %d
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory, data_folder):
    """A finished run of 12 steps: 6, then resumed with another number of workers."""
    folder = tmp_path_factory.mktemp("training")
    for steps, workers, resume in ((6, 1, []), (12, 0, ["--resume"])):
        (folder / "fdkn_x8.yaml").write_text(RECIPE % (steps, workers))
        arguments = ["--recipe", str(folder / "fdkn_x8.yaml"), "--data", str(data_folder), "--out", str(folder / "run")]
        assert main(["train", *arguments, *resume]) == 0
    return folder


def test_run_keeps_weights_logs_and_facts(run):
    facts = json.loads((run / "run" / "training.json").read_text())
    assert (facts["resumed_at"], facts["steps"]) == (6, 12)
    assert facts["data"] == ["layers"] and "fdkn_x8" in facts["command"]
    assert (run / "run" / "weights.safetensors").is_file()
    assert list((run / "run" / "tensorboard").glob("events*"))


def test_scalars_and_pictures_are_logged(run):
    events = EventAccumulator(str(run / "run" / "tensorboard")).Reload()
    scalars = events.Tags()["scalars"]
    assert {"dev_ratio", "dev_ratio/bicubic", "dev_rmse/bicubic"} <= set(scalars)
    assert events.Tags()["images"] == ["dev/s3"]
    assert [e.step for e in events.Images("dev/s3")][-1] == 12


def test_other_settings_cannot_take_over_a_run(run, data_folder, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text((RECIPE % (12, 0)).replace("batch_size: 2", "batch_size: 4"))
    arguments = ["--recipe", str(tmp_path / "r.yaml"), "--data", str(data_folder), "--out", str(run / "run")]
    assert main(["train", *arguments, "--resume"]) == 2
    assert "{'batch_size': (2, 4)}" in capsys.readouterr().err


def test_last_checkpoint_knows_the_best_on_disk(run):
    """Else a resumed run could replace the best weights by worse ones."""
    last, best = (torch.load(run / "run" / name, weights_only=True) for name in ("last.ckpt", "best.ckpt"))
    (kept,) = [c for c in last["callbacks"].values() if "best_model_score" in c]
    (own,) = [c for c in best["callbacks"].values() if "best_model_score" in c]
    assert kept["best_model_score"] == own["best_model_score"]
    assert last["global_step"] == 12


def test_exported_artifact_serves_frames_and_its_card_holds_the_scores(run, data_folder):
    recipe, target = run / "fdkn_x8.yaml", run / "fdkn_x8"
    arguments = ["--recipe", str(recipe), "--run", str(run / "run"), "--data", str(data_folder)]
    assert main(["export", *arguments, "--artifact", str(target)]) == 0
    card = json.loads((target / "card.json").read_text())
    assert set(card["evaluation"]["test"]["rmse"]) == {"s4"}
    assert card["command"].startswith("python -m training train")
    upsampler = Upsampler(scale=8, weights=target)
    result = upsampler(np.zeros((64, 64, 3), np.uint8), np.linspace(1, 2, 64, dtype=np.float32).reshape(8, 8))
    assert np.isfinite(result.depth).all()


def test_evaluate_prints_a_row_per_image_and_the_mean(artifact, data_folder, capsys):
    arguments = ["--data", str(data_folder), "--splits", "test", "--classical"]
    assert main(["evaluate", str(artifact.folder), *arguments]) == 0
    out = capsys.readouterr().out
    assert "s4" in out and "mean" in out


def test_unknown_recipe_is_one_line_and_status_two(data_folder, tmp_path, capsys):
    assert main(["train", "--recipe", "nosuch", "--data", str(data_folder), "--out", str(tmp_path)]) == 2
    assert "no such recipe" in capsys.readouterr().err


def test_resuming_needs_a_checkpoint(run, data_folder, tmp_path, capsys):
    arguments = ["--recipe", str(run / "fdkn_x8.yaml"), "--data", str(data_folder), "--out", str(tmp_path)]
    assert main(["train", *arguments, "--resume"]) == 2
    assert "nothing to resume from" in capsys.readouterr().err


def test_unknown_protocol_lists_the_known_ones(artifact, data_folder, capsys):
    assert main(["evaluate", str(artifact.folder), "--data", str(data_folder), "--protocol", "x"]) == 2
    assert "dkn-bicubic" in capsys.readouterr().err


def test_set_without_images_is_named(run, data_folder, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text((RECIPE % (1, 0)).replace("layers", "nyu"))
    arguments = ["--recipe", str(tmp_path / "r.yaml"), "--data", str(data_folder), "--out", str(tmp_path)]
    assert main(["train", *arguments]) == 2
    assert "no images of ['nyu']" in capsys.readouterr().err
