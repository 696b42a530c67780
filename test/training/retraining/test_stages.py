"""A stage is done once of the same inputs, and again of others."""

import json

import pytest

from training.retraining.stages import Stages


@pytest.fixture
def stages(tmp_path):
    return Stages(tmp_path, lambda text: None)


def test_what_was_done_of_the_same_inputs_is_not_done_again(stages):
    assert stages.once("after", "evaluating", {"weights": "a"}, lambda: {"rmse": 1.5}) == {"rmse": 1.5}
    assert stages.once("after", "evaluating", {"weights": "a"}, lambda: {"rmse": 2.5}) == {"rmse": 1.5}


@pytest.mark.parametrize("there", ["{", '{"rmse": 1.5}', '{"inputs": "of others", "rmse": 1.5}', "[1]"])
def test_a_file_of_other_inputs_or_a_damaged_one_does_not_count(stages, tmp_path, there):
    (tmp_path / "after.json").write_text(there)
    assert stages.once("after", "evaluating", {"weights": "b"}, lambda: {"rmse": 2.5}) == {"rmse": 2.5}
    assert json.loads((tmp_path / "after.json").read_text())["rmse"] == 2.5
