"""The scenes of a data folder."""

import csv
from pathlib import Path

import numpy as np
import pytest

from training.datasets.live.opening import _trains, open_scenes
from training.datasets.pairs import PairEntry


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scenes):
    """Two large scenes of the train split and a small one, and one of dev."""
    folder = tmp_path_factory.mktemp("scenes")
    rows = [("train", "middlebury2006_third", "a", (340, 360)), ("train", "middlebury2006_third", "b", (340, 330))]
    rows += [("train", "middlebury2006_third", "small", (100, 120)), ("dev", "middlebury2006_third", "d", (340, 330))]
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "set", "scene", "view", "rgb", "gt", "unit", "note"])
        for number, (split, name, scene, size) in enumerate(rows):
            scenes(folder, scene, number, size)
            files = [f"{scene}_rgb.png", f"{scene}_gt.png"]
            writer.writerow([split, name, scene, "v1", *files, "disparity: png value / 3 = px", ""])
    return folder


def test_photographs_and_procedural_scenes_come_from_the_train_split(folder):
    source = open_scenes(folder, 96, 1, {"photographs": 0.5, "procedural": 0.5})
    pieces = [source.piece(96, np.random.default_rng(seed)) for seed in range(20)]
    assert {piece.whole for piece in pieces} == {True, False}


def test_nothing_is_opened_without_a_share(folder):
    assert open_scenes(folder, 96, 1, {"procedural": 1.0}).piece(96, np.random.default_rng(0)).whole
    with pytest.raises(ValueError, match="expected shares of"):
        open_scenes(folder, 96, 1, {"photos": 1.0})
    with pytest.raises(FileNotFoundError, match="manifest.csv"):
        open_scenes(folder / "nowhere", 96)


@pytest.mark.parametrize(
    ("view", "trains"),
    [("000", False), ("012", False), ("015", True), ("016", False), ("075", False), ("063", False), ("090", True)],
)
def test_frames_near_those_that_judge_are_left_out(view, trains):
    entry = PairEntry("synthetic", "icl_livingroom1", "livingroom1", view, Path(), Path(), "depth", "mm")
    assert _trains(entry) == trains
    assert not _trains(PairEntry("synthetic", "icl_noisy", "livingroom1", "015_noisy", Path(), Path(), "depth", "mm"))
