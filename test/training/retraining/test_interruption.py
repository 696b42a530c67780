"""Stopped by a signal at every stage: status 130, what to do next, and the same command goes on from there."""

import os
import re
import signal

import pytest

from training.__main__ import main

STAGES = [
    ("training.extraction.shards.ShardWriter.close", signal.SIGINT, "turning recordings into shards"),
    ("training.retraining.run.measure_noise", signal.SIGTERM, "measuring the sensor's noise"),
    ("training.retraining.held_scores.score_base", signal.SIGINT, "evaluating the old weights"),
    ("training.retraining.fine_tune.LossCurve.on_train_batch_end", signal.SIGTERM, "training (stopped after step 1"),
    ("training.retraining.held_scores.score_base", signal.SIGTERM, "evaluating the new weights"),
    ("training.retraining.run.held_pictures", signal.SIGINT, "drawing the report"),
]


@pytest.fixture(autouse=True)
def listening():
    """Ctrl-C interrupts, which it does not in a process that a shell has put in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def signal_in(monkeypatch, name, number):
    def stopping(*arguments, **options):
        os.kill(os.getpid(), number)

    monkeypatch.setattr(name, stopping)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_same_command_goes_on_wherever_it_was_stopped(command, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    command = [*command, "--steps", "3", "--held-margin", "-99"]
    for name, number, doing in STAGES:
        with monkeypatch.context() as patched:
            signal_in(patched, name, number)
            assert main(command) == 130, doing
        said = capsys.readouterr().err
        assert f"interrupted while {doing}" in said and f"run the same command again to continue in {out}" in said
        assert not (out / "report.html").exists() and not list(out.glob("**/.*.part"))
    assert main(command) == 1, "refused at last, by its margin"
    said = capsys.readouterr().err
    for doing in ("measuring the sensor's noise", "evaluating the old", "training", "evaluating the new"):
        assert re.search(rf"{doing}.*: done before", said)
    steps = [line.split(",")[0] for line in (out / "run" / "loss.csv").read_text().splitlines()]
    assert steps == ["2", "3"], "the step whose end was interrupted is not done again"


def test_a_signal_handler_of_before_is_there_again(command, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    signal_in(monkeypatch, "training.retraining.run.extract", signal.SIGTERM)
    assert main(command) == 130
    assert signal.getsignal(signal.SIGTERM) is before
