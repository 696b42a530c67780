"""Which recordings a retraining uses, and what they are called."""

import pytest

from training.extraction.bag_task import ExtractionOptions
from training.extraction.manifest import Manifest, hash_bag
from training.extraction.run import extract
from training.retraining.settings import SplitOptions
from training.retraining.split import freeze_recordings, recording_of, split_frames


@pytest.fixture(scope="module")
def extracted(tmp_path_factory, scene):
    """Three recordings, two of the same name, and the folder of their shards."""
    folder = tmp_path_factory.mktemp("days")
    bags = [folder / day / name for day, name in (("mon", "kitchen"), ("tue", "kitchen"), ("tue", "hall"))]
    for seed, bag in enumerate(bags):
        bag.parent.mkdir(exist_ok=True)
        scene.write_scene(bag, 5, seed=seed)
    extract(bags, folder / "out" / "shards", ExtractionOptions(), say=lambda text: None)
    return [hash_bag(bag) for bag in bags], folder / "out" / "shards"


def test_recordings_of_one_name_are_told_apart(extracted):
    (monday, tuesday, _), shards = extracted
    split = split_frames(shards, SplitOptions(held=(tuesday[:8],)))
    assert split.frames == {
        f"kitchen ({monday[:8]})": {"train": 5, "held": 0},
        f"kitchen ({tuesday[:8]})": {"train": 0, "held": 5},
        "hall": {"train": 5, "held": 0},
    }
    assert {recording_of(entry) for entry in split.held} == {f"kitchen ({tuesday[:8]})"}


def test_shards_of_recordings_that_were_not_asked_for_are_not_used(extracted):
    (monday, tuesday, hall), shards = extracted
    recordings = shards.parent / "recordings"
    freeze_recordings(shards, recordings, [monday, hall])
    split = split_frames(recordings, SplitOptions(held=("hall",)))
    assert split.frames == {"kitchen": {"train": 5, "held": 0}, "hall": {"train": 0, "held": 5}}
    assert split.train[0].read(split.train[0])[1].max() > 1, "the shards beside it are read"
    assert tuesday in Manifest.read(shards).bags
