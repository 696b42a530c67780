"""The whole loop on a tiny recording, through the real command."""

import base64
import json
import os
import re
import signal

import cv2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from depth_sr_ros.artifact import SHIPPED, find_artifact, read_artifact
from depth_sr_ros.engines import EngineError
from depth_sr_ros.upsampler import Upsampler
from training.__main__ import main
from training.recipes.provenance import provenance_of
from training.retraining import fine_tune as fine_tuning
from training.retraining import promotion

TOLERANT = ["--held-margin", "50", "--base-margin", "50"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_recordings_become_weights_that_the_node_takes(command, tmp_path, scene, capsys, monkeypatch):
    """One run is refused, the same command with other margins promotes what was trained, and a third does nothing."""
    out = tmp_path / "out"
    assert main([*command, "--held-margin", "-99"]) == 1
    said = capsys.readouterr()
    assert re.search(r"refused: held frames got worse by .* %, at most -99 % is allowed", said.err)
    assert "no artifact is written" in said.err and "ros2 param" not in said.out
    assert not list(out.glob("**/card.json")) and (out / "run" / "weights.safetensors").is_file()
    assert "refused" in (out / "report.html").read_text()

    monkeypatch.setattr(fine_tuning, "train", _not_again)
    with monkeypatch.context() as patched:
        patched.setattr(promotion, "export_artifact", _half_written)
        assert main([*command, *TOLERANT]) == 130
    assert "interrupted while writing the artifact" in capsys.readouterr().err
    assert not (out / "fdkn_x8_retrained").exists() and not (out / "promoted.json").exists()

    with monkeypatch.context() as patched:
        patched.setattr(promotion, "choose_engine", _no_engine)
        assert main([*command, *TOLERANT]) == 2
    assert "the new weights run on no engine here" in capsys.readouterr().err
    assert not (out / "fdkn_x8_retrained").exists() and not (out / "promoted.json").exists()

    assert main([*command, *TOLERANT]) == 0
    said = capsys.readouterr()
    artifact = read_artifact(out / "fdkn_x8_retrained", "fdkn", 8)
    assert said.out.splitlines()[-1] == f"ros2 param set /depth_sr weights {artifact.folder}"
    assert "training: done before" in said.err
    assert "model fdkn, scale 0 or 8, any precision but int8" in said.out
    the_weights_are_new(artifact, find_artifact("fdkn", 8))
    the_card_says_what_was_done(artifact)
    the_engine_was_checked(out)
    the_report_is_whole(out / "report.html", str(artifact.folder))
    it_serves(artifact.folder, tmp_path, scene)

    before = {path: path.stat().st_mtime_ns for path in artifact.folder.iterdir()}
    assert main([*command, *TOLERANT]) == 0
    assert {path: path.stat().st_mtime_ns for path in artifact.folder.iterdir()} == before

    (out / "trained.json").unlink()
    monkeypatch.setattr(fine_tuning, "train", _other_weights)
    assert main([*command, *TOLERANT]) == 0
    said = capsys.readouterr().err
    assert "evaluating the old weights: done before" in said and "evaluating the new weights ..." in said
    assert read_artifact(artifact.folder).weights_id != artifact.weights_id, "what was written before does not count"

    assert main([*command, "--held-margin", "-99"]) == 1
    assert f"{artifact.folder}, which an earlier run promoted, is kept" in capsys.readouterr().err


def _half_written(network, model, folder, **options):
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{")
    os.kill(os.getpid(), signal.SIGTERM)


def _no_engine(*arguments, **options):
    raise EngineError("none passed its self-check")


def _not_again(*arguments):
    raise AssertionError("trained twice")


def _other_weights(recipe, data, run, resume, callbacks):
    path = run / "weights.safetensors"
    record = provenance_of(path)
    with safe_open(path, "np") as file:
        metadata = file.metadata()
    weights = {name: np.asarray(1.003 * value, value.dtype) for name, value in load_file(path).items()}
    save_file(weights, path, metadata)
    record.stored(path).write(run)
    return path


def the_card_says_what_was_done(artifact):
    card = artifact.card
    assert card.name == "fdkn_x8_retrained" and card.evaluation["protocol"] == "live"
    assert {"dkn-bicubic", "cell-median"} <= set(card.evaluation)
    assert card.training["recordings"]["study"] == {"train": 0, "held": 6}
    *before, last = provenance_of(artifact.weights).stages
    assert before == list(provenance_of(SHIPPED / "fdkn_x8_live" / "weights.safetensors").stages)
    assert last["id"] == "fdkn_x8_retrained" and last["recipe"] == card.training["recipe"] == "base/retrain"
    assert last["steps"] == 2 and card.training["steps"] == 2 + sum(stage.get("steps", 0) for stage in before)
    assert last["recordings"] == card.training["recordings"] and last["command"] == card.command
    assert set(card.evaluation["change"]["base"]) == {"live", "dkn-bicubic", "cell-median"}
    assert card.command == (
        "python -m training retrain --bags BAGS --model fdkn --scale 8 --held study --minutes 0 --steps 2 --crop 32 "
        "--workers 0 --dev-images 1 --held-margin 50 --base-margin 50 --out OUT"
    )


def the_weights_are_new(artifact, start):
    new, old = load_file(artifact.weights), load_file(start.weights)
    assert any(not np.array_equal(new[name], old[name]) for name in new if name in old)


def the_engine_was_checked(out):
    promoted = json.loads((out / "promoted.json").read_text())
    assert promoted["engine"]["size"] == [64, 48] and promoted["engine"]["milliseconds"] > 0


def the_report_is_whole(path, artifact):
    page = path.read_text()
    assert artifact in page and "promoted" in page and "sigma(z)" in page and "<svg" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page), "everything is inside the one file"
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", page)
    assert len(pictures) >= 4
    for text in pictures:
        image = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
        assert image is not None and image.std() > 5


def it_serves(folder, tmp_path, scene):
    rgb, depth = scene.frame(3.0, 1)
    metres = np.where(depth > 0, depth / np.float32(1000), np.nan).astype(np.float32)
    upsampler = Upsampler("fdkn", 8, weights=folder, engine_cache=tmp_path / "plans")
    result = upsampler(rgb, metres)
    assert upsampler.describe().model == "fdkn_x8_retrained"
    error = np.abs(result.depth - metres)[result.valid & np.isfinite(metres)]
    assert np.median(error) < 0.05
