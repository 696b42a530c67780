"""Registered or not: what each kind of evidence decides."""

import re
from dataclasses import replace

import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, LENSES, motion, with_lens

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.relation import THREE_WAYS, Evidence, relate, view_difference

SIZES = {"colour_size": COLOUR.size, "depth_size": DEPTH.size}
BESIDE = motion(x=0.05, turn=(0, 0.01, 0))
APART = Evidence(**SIZES, colour=COLOUR, depth=DEPTH, frames=("rgb", "tof"), depth_to_colour=BESIDE)
COARSE = COLOUR.resized(37, 25)
SAME = Evidence(COLOUR.size, COARSE.size, COLOUR, COARSE, frames=("rgb", "rgb"))


@pytest.mark.parametrize("lens", sorted(LENSES))
def test_the_same_camera_on_another_grid_has_the_same_view(lens):
    camera = with_lens(COLOUR, LENSES[lens][1])
    assert view_difference(camera.resized(37, 25), camera) < 1e-6


def test_views_differ_by_focal_length_centre_and_lens():
    i = COLOUR.intrinsics
    assert view_difference(Camera(replace(i, fx=i.fx * 1.1)), COLOUR) == pytest.approx(0.1 / 1.1 * i.cx, rel=0.05)
    assert view_difference(Camera(replace(i, cx=i.cx + 5)), COLOUR) == pytest.approx(5)
    assert view_difference(with_lens(COLOUR, LENSES["plumb_bob"][1]), COLOUR) > 2


def test_unregistered_depth_comes_with_its_calibration():
    found = relate(APART)
    assert found.kind == "unregistered" and found.calibration == Calibration(COLOUR, DEPTH, BESIDE)
    assert "2.12 colour pixels per depth pixel, baseline 50 mm" in found.reason


@pytest.mark.parametrize(
    "evidence",
    [
        SAME,
        replace(SAME, frames=("rgb", "tof")),  # a frame_id alone decides nothing
        replace(SAME, frames=("rgb", "tof"), depth_to_colour=motion(x=0.0002)),
        replace(SAME, frames=("rgb", "tof"), depth_to_colour=BESIDE, named_registered=True),
        replace(SAME, depth=None),
        replace(SAME, depth=None, frames=None),
        replace(SAME, depth=None, frames=("rgb", "tof"), named_registered=True),
        replace(SAME, depth=None, colour=None, frames=("/rgb", "rgb")),
    ],
)
def test_registered(evidence):
    assert relate(evidence).kind == "registered"


def test_equal_cameras_that_stand_apart_are_not_registered():
    found = relate(replace(SAME, frames=("rgb", "tof"), depth_to_colour=BESIDE))
    assert found.kind == "unregistered" and found.calibration.depth == COARSE


def test_another_part_of_the_same_view_is_registered_by_the_matrices():
    wide = Camera(Intrinsics(160, 60, 121.7, 118.2, 80.0, 30.0))
    found = relate(Evidence(wide.size, COLOUR.size, wide, COLOUR, frames=("rgb", "rgb"), named_registered=True))
    assert found.kind == "unregistered"
    np.testing.assert_array_equal(found.calibration.depth_to_colour, np.eye(4))


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (replace(APART, depth_to_colour=None), "'tof' and colour in 'rgb'.*views differ by up to"),
        (replace(APART, depth_to_colour=None, extrinsics_source="base, tof"), "/tf_static, found base, tof"),
        (replace(APART, depth_to_colour=None, frames=("rgb", "rgb")), "although their frames are the same"),
        (replace(APART, depth_to_colour=None, frames=None), "expected depth registered to colour"),
        (replace(APART, depth=None), "expected a camera_info of both, found none for depth"),
        (replace(APART, colour=None), "expected a camera_info of both, found none for colour"),
        (replace(APART, colour=None, colour_problem="K of zero."), "K of zero"),
        (replace(SAME, depth=None, depth_problem="unknown lens."), "unknown lens"),
        (replace(SAME, depth=None, frames=("rgb", "tof")), "'tof' and colour in 'rgb': depth is not; expected trans"),
        (replace(SAME, depth=None, depth_size=(30, 60)), "60x30 and colour 149x101, which have different aspect"),
        (replace(APART, depth_size=(94, 122)), "depth: expected a camera_info.*size, 122x94, found.*61x47"),
        (replace(SAME, colour_size=(50, 75)), "colour: expected a camera_info of the image's size, 75x50"),
    ],
)
def test_what_is_not_known_is_said_with_the_three_ways_out(evidence, words):
    found = relate(evidence)
    assert found.kind == "unknown" and found.calibration is None and found.reason.endswith(THREE_WAYS)
    assert re.search(words, found.reason), found.reason
    assert relate(evidence, assume_registered=True).kind == "registered"
