"""The loss of a run, as its file tells it."""

import pytest

from training.retraining.fine_tune import read_losses


@pytest.mark.parametrize("cut", ["3", "3,", "3,0.1,4", "3,0.0e", "\0\0\0"])
def test_lines_that_were_cut_off_are_skipped(tmp_path, cut):
    (tmp_path / "loss.csv").write_text(f"1,0.5\n2,0.25\n{cut}\n2,0.3\n")
    assert read_losses(tmp_path) == [(1, 0.5), (2, 0.3)]


def test_a_run_without_losses_has_none(tmp_path):
    assert read_losses(tmp_path) == []
