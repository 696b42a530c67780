from types import SimpleNamespace

import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, motion

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.ros.coverage_watch import LOOK_EVERY_S, CoverageWatch
from depth_sr_ros.upsampler import UpsampledDepth

APART = Calibration(COLOUR, DEPTH, motion(turn=(0, 0.4, 0)))


def result(share: float) -> UpsampledDepth:
    valid = np.arange(COLOUR.size[0] * COLOUR.size[1]).reshape(COLOUR.size) < share * COLOUR.size[0] * COLOUR.size[1]
    return UpsampledDepth(np.where(valid, np.float32(2), np.nan), valid, {})


@pytest.fixture
def watch():
    told = []
    watch = CoverageWatch(SimpleNamespace(warning=told.append))
    watch.told = told
    return watch


def look(watch, share, frames, cameras=APART, start=0.0):
    for number in range(frames):
        watch.look(np.full(DEPTH.size, 2, np.float32), result(share), cameras, start + number * LOOK_EVERY_S)


def test_coverage_that_falls_is_told_once_with_its_cause(watch):
    look(watch, 0.6, 20)
    assert "coverage falls from 100% of the depth images to 60% of the colour images" in watch.warning
    assert "lies outside the depth camera's at 2.0 m" in watch.warning and watch.told == [watch.warning]


@pytest.mark.parametrize(("share", "frames"), [(0.97, 5), (0.6, 2)], ids=["a few per cent", "the first frames"])
def test_what_says_little_is_not_told(watch, share, frames):
    look(watch, share, frames)
    assert watch.warning == "" and watch.told == []


def test_it_is_taken_back_and_other_cameras_are_looked_at_anew(watch):
    look(watch, 0.6, 5)
    assert watch.warning
    look(watch, 0.99, 5, start=100.0)
    assert watch.warning == ""
    look(watch, 0.6, 5, start=200.0)
    look(watch, 0.6, 1, cameras=None, start=300.0)
    assert watch.warning == ""
