"""What cannot be used ends with status 2 and says what to change."""

import errno
import json

import pytest
from safetensors import SafetensorError

from depth_sr_ros.recordings.bag_writer import BagWriter
from training.__main__ import main
from training.retraining.stages import Stages, stoppable


def refuses(arguments, capsys, *said):
    assert main(arguments) == 2
    found = capsys.readouterr().err
    for words in said:
        assert words in found


def with_bags(command, folder):
    return [*command[:2], str(folder), *command[3:]]


def one_kind(folder, scene, colour):
    with BagWriter(folder) as bag:
        for number in range(3):
            rgb, depth = scene.frame(2.0 * number)
            stamp = scene.START + number * scene.STEP
            if colour:
                bag.write_image(scene.COLOUR_TOPIC, stamp, "camera", rgb, "rgb8")
            else:
                bag.write_image(scene.DEPTH_TOPIC, stamp, "camera", depth, "16UC1")


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_no_bags(command, tmp_path, capsys, dry):
    (tmp_path / "empty").mkdir()
    refuses([*with_bags(command, tmp_path / "empty"), *dry], capsys, "expected a bag", "none in it")
    assert not (tmp_path / "out").exists()


def test_a_bag_without_messages(command, tmp_path, capsys):
    with BagWriter(tmp_path / "bags" / "empty"):
        pass
    refuses(with_bags(command, tmp_path / "bags"), capsys, "nothing could be read from the recordings", "empty")


@pytest.mark.parametrize("colour", [True, False], ids=["colour only", "depth only"])
def test_one_topic_only(command, tmp_path, capsys, scene, colour):
    one_kind(tmp_path / "bags" / "half", scene, colour)
    missing = "depth" if colour else "colour"
    refuses(with_bags(command, tmp_path / "bags"), capsys, "nothing could be read", missing)


def test_wrong_types(command, tmp_path, capsys, scene):
    with BagWriter(tmp_path / "bags" / "infos") as bag:
        bag.write_camera_info("/rgb/image", scene.START, "camera", scene.CAMERA)
    refuses(with_bags(command, tmp_path / "bags"), capsys, "nothing could be read", "infos")


def test_no_pairs_within_slop(command, capsys):
    refuses([*command, "--slop-s", "0.0001"], capsys, "expected pairs with stamps within 0.1 ms")


def test_one_bag_of_many_that_cannot_be_used_is_told_and_left_out(command, recordings, tmp_path, capsys, scene):
    one_kind(tmp_path / "bags" / "half", scene, True)
    arguments = [*command[:3], str(tmp_path / "bags"), *command[3:], "--held", "nowhere"]
    refuses(arguments, capsys, "nothing could be read from", "half", "no recordings ['nowhere'] to hold out; it has")


def test_one_recording_needs_a_split_in_time(command, recordings, capsys):
    alone = with_bags(command, recordings / "hall")
    refuses(alone[: alone.index("--held")], capsys, "only 'hall'", "--split-in-time", "weaker evidence")
    refuses([*alone, "--split-in-time"], capsys, "give only one of them")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "dinosaur"], "expected one of ["),
        (["--scale", "3"], "at scale 3: expected one of"),
        (["--from", "nowhere"], "expected an artifact folder"),
        (["--data", "nowhere"], "expected a data folder with a manifest.csv"),
        (["--base-share", "1"], "--base-share: expected 0 to below 1"),
        (["--steps", "0"], "expected --minutes or --steps above 0"),
        (["--tail", "1.5"], "expected --tail"),
        (["--crop", "30"], "expected a multiple of scale 8"),
        (["--recipe", "nowhere.yaml"], "expected the name of a recipe"),
    ],
)
def test_settings_that_cannot_be_served(command, capsys, arguments, said):
    refuses([*command, *arguments], capsys, said)


def test_a_folder_of_something_else_is_left_alone(command, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    refuses(command, capsys, "found something else in it")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_a_folder_of_another_retraining_is_left_alone(command, recordings, tmp_path, capsys, monkeypatch):
    refuses([*command, "--held", "nowhere"], capsys, "no recordings ['nowhere'] to hold out")
    monkeypatch.setattr("training.retraining.run.measure_noise", stop)
    assert main(command) == 130
    capsys.readouterr()
    refuses([*command, "--seed", "5"], capsys, "belongs to another retraining: training", '"seed": 31', '"seed": 5')
    other = with_bags(command, recordings / "hall")
    refuses(other, capsys, "belongs to another retraining: recordings")
    known = json.loads((tmp_path / "out" / "retraining.json").read_text())
    assert known["training"]["seed"] == 31


def stop(*arguments):
    raise KeyboardInterrupt


def full(*arguments):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left"), SafetensorError("I/O: No space left")], ids=["OS", "weights"]
)
def test_whoever_meets_the_full_disk_the_advice_is_the_same(tmp_path, error):
    stages = Stages(tmp_path, lambda text: None)
    said = "stopped while training: .*No space left.* Free some space"
    with pytest.raises(ValueError, match=said), stoppable(stages):
        stages.begin("training")
        raise error


def test_a_full_disk_is_told_with_advice_and_nothing_counts_as_done(command, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("training.retraining.stages.replace_file", full)
    refuses(command, capsys, "stopped while measuring the sensor's noise", "No space left", "Free some space")
    assert not (tmp_path / "out" / "noise.json").exists()
