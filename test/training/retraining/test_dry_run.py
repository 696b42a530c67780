"""A dry run says what would be used, and leaves nothing behind."""

import re
import shutil

import pytest

from depth_sr_ros.recordings.bag_writer import BagWriter
from training.__main__ import main


def test_it_says_what_would_be_used_and_writes_nothing(command, recordings, tmp_path, capsys):
    before = sorted(path for path in tmp_path.rglob("*"))
    assert main([*command, "--dry-run", "--minutes", "2"]) == 0
    said = capsys.readouterr().out
    for name in ("hall", "study"):
        assert re.search(rf"bag: +{name} \([0-9a-f]{{8}}\): 6 pairs of /rgb/image and /depth_raw/image", said)
    assert "depth 64x48, about 6 frames to keep" in said
    assert "about 6 frames to train on, 6 held" in said
    assert "fdkn_x8_live" in said and "synthetic scenes only" in said
    assert "by live, dkn-bicubic, cell-median; each decides" in said
    assert re.search(r"time: +extraction .*, training .* \(\d+\.\d\d s a step, about 2 steps\)", said)
    assert re.search(r"disk: +about \d+ MiB needed in .*, \d+ MiB free", said)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_recordings_that_cannot_be_used_are_named(command, recordings, tmp_path, capsys, monkeypatch):
    with BagWriter(tmp_path / "broken"):
        pass
    monkeypatch.setattr("training.retraining.dry_run.seconds_per_step", lambda recipe: 2.0)
    monkeypatch.setattr("training.retraining.dry_run.seconds_per_pixel", lambda start: 1e-6)
    arguments = [*command[:3], str(tmp_path / "broken"), *command[3:], "--dry-run", "--minutes", "0.1"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"nothing could be read from .*broken", said)
    assert "2.00 s a step, about 2 steps" in said, "two steps end before a tenth of a minute"


@pytest.mark.parametrize(
    ("extra", "said"), [([], "only 'hall'"), (["--split-in-time"], "about 3 frames to train on, 2 held")]
)
def test_one_recording(command, recordings, capsys, monkeypatch, extra, said):
    monkeypatch.setattr("training.retraining.dry_run.seconds_per_step", lambda recipe: 2.0)
    monkeypatch.setattr("training.retraining.dry_run.seconds_per_pixel", lambda start: 1e-6)
    alone = [*command[:2], str(recordings / "hall"), *command[3 : command.index("--held")], "--dry-run", *extra]
    assert main(alone) == (0 if extra else 2)
    found = capsys.readouterr()
    assert said in found.out + found.err


@pytest.fixture
def untimed(monkeypatch):
    """Without measuring how long anything takes."""
    monkeypatch.setattr("training.retraining.dry_run.seconds_per_step", lambda recipe: 2.0)
    monkeypatch.setattr("training.retraining.dry_run.seconds_per_pixel", lambda start: 1e-6)


def test_bags_of_equal_content_count_once(command, recordings, tmp_path, capsys, untimed):
    shutil.copytree(recordings / "hall", tmp_path / "copy")
    assert main([*command[:3], str(tmp_path / "copy"), *command[3:], "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "about 6 frames to train on, 6 held" in said and "has the same content as" in said


def test_a_folder_of_another_retraining_is_refused(command, tmp_path, capsys, untimed):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "retraining.json").write_text('{"model": "dagf"}')
    assert main([*command, "--dry-run"]) == 2
    assert "belongs to another retraining" in capsys.readouterr().err


def test_a_split_with_nothing_to_train_on_is_refused(command, capsys, untimed):
    assert main([*command, "--held", "hall", "--dry-run"]) == 2
    assert "found none to train on" in capsys.readouterr().err
