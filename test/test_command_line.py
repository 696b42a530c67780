"""Both command lines end alike: one table of exit statuses."""

import re
from pathlib import Path

import pytest

from depth_sr_ros.command_line import ExitStatus, Incomplete, Interrupted, exit_status
from depth_sr_ros.commands.main import main as depth_sr
from training.__main__ import main as training
from training.extraction.run import ExtractionInterrupted
from training.fitting.checkpoints import TrainingInterrupted
from training.retraining.stages import PromotionRefused, RetrainingInterrupted


def _raises(error):
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (lambda: None, 0, ""),
        (lambda: ExitStatus.INCOMPLETE, 1, ""),
        (_raises(Incomplete("two of three")), 1, "two of three\n"),
        (_raises(ValueError("expected a number")), 2, "tool: expected a number\n"),
        (_raises(FileNotFoundError(2, "No such file", "x")), 2, "tool: [Errno 2] No such file: 'x'\n"),
        (_raises(Interrupted("stopped; go on with OUT")), 130, "stopped; go on with OUT\n"),
        (_raises(KeyboardInterrupt()), 130, ""),
    ],
)
def test_every_end_has_one_status_and_one_message(command, status, said, capsys):
    ended = exit_status(command, "tool")
    assert (ended, capsys.readouterr().err) == (status, said)
    assert type(ended) in (int, ExitStatus)


def test_a_fault_of_the_program_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 // 0, "tool")


@pytest.mark.parametrize("kind", [TrainingInterrupted, ExtractionInterrupted, RetrainingInterrupted])
def test_training_is_interrupted_like_everything_else(kind):
    assert issubclass(kind, Interrupted)


def test_refused_weights_are_incomplete_work():
    assert issubclass(PromotionRefused, Incomplete)


@pytest.mark.parametrize("line", [["upsample", "nowhere", "-o", "out"], ["replay", "nowhere"]])
def test_a_missing_recording_is_unusable_for_depth_sr(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert depth_sr(line) == ExitStatus.UNUSABLE
    assert capsys.readouterr().err.startswith(f"depth-sr {line[0]}: nowhere: no such file or folder")


@pytest.mark.parametrize(
    "line",
    [["extract", "nowhere", "--out", "out"], ["train", "--recipe", "nowhere.yaml", "--data", ".", "--out", "out"]],
)
def test_a_missing_file_is_unusable_for_training(line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert training(line) == ExitStatus.UNUSABLE
    assert capsys.readouterr().err.startswith(f"python -m training {line[0]}: ")


@pytest.mark.parametrize("program", [depth_sr, training])
def test_wrong_usage_is_unusable(program):
    with pytest.raises(SystemExit) as end:
        program(["fly"])
    assert end.value.code == ExitStatus.UNUSABLE


def test_the_readme_lists_every_status():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    table = readme.partition("share their exit statuses")[2].partition("\n## ")[0]
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.M)] == [int(one) for one in ExitStatus]
