"""The recordings that a retraining uses are those that were asked for, and stay the same."""

import pytest

from training.__main__ import main
from training.extraction.bag_task import ExtractionOptions
from training.extraction.manifest import Manifest
from training.extraction.run import extract


@pytest.fixture
def stopped(monkeypatch):
    """Stops every retraining before it measures anything."""

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("training.retraining.run.measure_noise", stop)


def names(folder):
    return sorted(record.name for record in Manifest.read(folder / "recordings").bags.values())


def test_what_an_earlier_request_left_is_not_used(command, tmp_path, scene, stopped):
    scene.write_scene(tmp_path / "attic", 5, seed=2)
    extract([tmp_path / "attic"], tmp_path / "out" / "shards", ExtractionOptions(), say=lambda text: None)
    assert main(command) == 130
    assert names(tmp_path / "out") == ["hall", "study"]
    assert len(Manifest.read(tmp_path / "out" / "shards").bags) == 3


def test_a_bag_that_could_not_be_had_at_first_does_not_join_later(command, tmp_path, scene, stopped, capsys):
    scene.write_scene(tmp_path / "attic", 5, seed=2)
    command = [*command[:3], str(tmp_path / "attic"), *command[3:]]
    assert main(command) == 130
    first = Manifest.read(tmp_path / "out" / "recordings")
    first.bags = {bag: record for bag, record in first.bags.items() if record.name != "attic"}
    first.write()  # as if attic's disk had not answered
    capsys.readouterr()
    assert main(command) == 130
    assert "attic could not be read when this retraining began" in capsys.readouterr().err
    assert names(tmp_path / "out") == ["hall", "study"]
