"""The whole retraining of live weights on tiny recordings, through the real command."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from live_networks import live_artifact
from safetensors.numpy import load_file
from supplying import frame, roll_back, serve, swap_to

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.cameras.calibration import read_calibration
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.supply import EngineSupply
from depth_sr_ros.upsampler import Upsampler
from training.__main__ import main
from training.recipes.provenance import provenance_of
from training.retraining.live import fine_tune

TOLERANT = ["--held-margin", "60", "--base-margin", "60"]


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    """Weights that leave the start image nearly as the filter does."""
    return live_artifact(tmp_path_factory.mktemp("start"), spoken=0.01)


@pytest.fixture
def command(places, start, tmp_path):
    quick = "--steps 3 --minutes 0 --crop 32 --workers 0 --dev-images 1 --held study"
    where = ["--out", str(tmp_path / "out"), "--engine-cache", str(tmp_path / "plans")]
    return ["retrain", "--bags", str(places), "--from", str(start.folder), *where, *quick.split()]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_recordings_become_live_weights_that_a_node_takes_and_gives_back(
    command, start, tmp_path, places, capsys, monkeypatch
):
    """One run is refused, the same command with other margins promotes what was trained, and serving switches to it."""
    out = tmp_path / "out"
    assert main([*command, "--held-margin", "-99"]) == 1
    said = capsys.readouterr()
    assert re.search(r"refused: held frames .* against the old weights, expected better than -99.00 %", said.err)
    assert not list(out.glob("**/card.json")) and (out / "run" / "weights.safetensors").is_file()
    assert "refused" in (out / "report.html").read_text()

    monkeypatch.setattr(fine_tune, "live_trainer", lambda *arguments: pytest.fail("trained twice"))
    assert main([*command, *TOLERANT]) == 0
    said = capsys.readouterr()
    artifact = read_artifact(out / "fdkn_live_retrained", "fdkn", 0)
    assert said.out.splitlines()[-1] == f"ros2 param set /depth_sr weights {artifact.folder}"
    assert "model fdkn, scale 0, any precision but int8" in said.out
    assert artifact.card.name == "fdkn_live_retrained" and artifact.card.frame_graph == "live"
    the_weights_are_new_and_say_where_they_come_from(artifact, start)
    the_report_is_whole(out / "report.html", str(artifact.folder))
    it_serves_the_depth_cameras_own_images(artifact, places / "study", tmp_path)
    a_running_supply_switches_over_and_back(artifact, start, tmp_path)


def the_weights_are_new_and_say_where_they_come_from(artifact, start):
    new, old = load_file(artifact.weights), load_file(start.weights)
    assert any(not np.array_equal(new[name], old[name]) for name in new)
    last = provenance_of(artifact.weights).last
    assert last["id"] == "fdkn_live_retrained" and last["steps"] == 3 and last["command"] == artifact.card.command
    assert artifact.card.training["recordings"]["study"] == {"train": 0, "held": 6}
    assert set(artifact.card.evaluation["change"]["simulated"]) == {"simulated, this camera", "simulated, any camera"}
    assert "--scale 0 --from ARTIFACT --held study" in artifact.card.command


def the_report_is_whole(path, artifact):
    page = path.read_text()
    assert artifact in page and "promoted" in page and "sigma(z)" in page and "<svg" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page), "everything is inside the one file"


def it_serves_the_depth_cameras_own_images(artifact, folder, tmp_path):
    from depth_sr_ros.cameras.depth import to_metres
    from depth_sr_ros.recordings.image_files import read_colour, read_depth

    rgb, depth = read_colour(folder / "rgb" / "0001.png"), read_depth(folder / "depth" / "0001.png")
    upsampler = Upsampler("fdkn", weights=artifact.folder, engine_cache=tmp_path / "plans", threads=1)
    result = upsampler(rgb, to_metres(depth, "16UC1"), read_calibration(folder / "calibration.json"))
    assert upsampler.describe().model == "fdkn_live_retrained"
    near_a_surface = np.minimum(np.abs(result.depth - 1.5), np.abs(result.depth - 2.5))
    assert np.nanmedian(near_a_surface) < 0.05
    upsampler.close()


def a_running_supply_switches_over_and_back(artifact, start, tmp_path):
    settings = EngineSettings(
        weights=str(start.folder), precision="fp32", threads=1, engine_cache=str(tmp_path / "plans")
    )
    supply = EngineSupply(settings)
    try:
        serve(supply)
        before = supply.current()(*frame()).depth
        swap_to(supply, replace(settings, weights=str(artifact.folder)))
        after = supply.current()(*frame()).depth
        assert supply.state().serving.info.weights_id == artifact.weights_id
        assert not np.array_equal(after, before)
        roll_back(supply)
        assert supply.state().serving.info.weights_id == start.weights_id
        np.testing.assert_array_equal(supply.current()(*frame()).depth, before)
    finally:
        supply.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_interrupted_training_goes_on_from_its_checkpoint(command, tmp_path, capsys, monkeypatch):
    from training.fitting.checkpoints import TrainingInterrupted

    fit = fine_tune.lightning.Trainer.fit

    def stop_after_it(trainer, *arguments, **options):
        fit(trainer, *arguments, **options)
        trainer.save_checkpoint(tmp_path / "out" / "run" / "last.ckpt")
        raise TrainingInterrupted("stopped after step 3 of 3; --resume")

    with monkeypatch.context() as patched:
        patched.setattr(fine_tune.lightning.Trainer, "fit", stop_after_it)
        assert main(command) == 130
    assert "run the same command again to continue" in capsys.readouterr().err
    assert not (tmp_path / "out" / "trained.json").exists()
    assert main([*command, "--held-margin", "-99"]) == 1
    assert json.loads((tmp_path / "out" / "trained.json").read_text())["resumed"] is True


def test_a_dry_run_says_what_would_be_used_and_writes_nothing(command, tmp_path, capsys):
    assert main([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "20 mm beside colour, 2.00 colour pixels per depth pixel" in said
    assert "its own depth is the target" in said and "fdkn_live, weights" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scale", "8"], "expected weights for scale 8, found 0"),
        (["--crop", "30"], "--crop: expected a multiple of 8 of at most 96"),
        (["--crop", "200"], "--crop: expected a multiple of 8 of at most 96"),
        (["--recipe", "nowhere.yaml"], "--recipe nowhere.yaml: expected a YAML file"),
        (["--held", "attic"], "no recordings ['attic'"),
        (["--poses", "pose"], "expected poses"),
        (["--scale", "8", "--poses", "pose"], "--poses: expected with live weights"),
    ],
)
def test_what_cannot_be_served_says_what_to_change(command, capsys, arguments, said):
    words = [word for word in command if word not in ("--held", "study")] if "--held" in arguments else command
    assert main([*words, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_weights_of_a_scale_are_no_live_ones(command, capsys, artifact):
    words = [str(artifact.folder) if "fdkn_live" in word else word for word in command]
    assert main([*words, "--scale", "0"]) == 2
    assert "expected live weights, which serve any ratio, found weights for scale 8" in capsys.readouterr().err


def test_a_folder_of_another_retraining_is_left_alone(command, tmp_path, capsys, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.retraining.live.run.measure_live_noise", stop)
    assert main(command) == 130
    capsys.readouterr()
    assert main([*command, "--seed", "5"]) == 2
    assert "belongs to another retraining: training" in capsys.readouterr().err
