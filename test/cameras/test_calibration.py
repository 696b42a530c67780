"""calibration.json."""

import copy
import json

import numpy as np
import pytest

from depth_sr_ros.cameras.calibration import check_rigid, extrinsics, read_calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.lens import Lens

COLOUR = {"width": 640, "height": 480, "fx": 525.0, "fy": 526.0, "cx": 319.5, "cy": 239.5}
DEPTH = {"width": 320, "height": 288, "fx": 252.0, "fy": 251.0, "cx": 160.5, "cy": 140.0}
QUARTER = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
KNOWN = {"colour_camera": COLOUR, "depth_camera": DEPTH, "depth_to_colour": {"R": QUARTER, "t_m": [0.1, 0.2, 0.3]}}


def read(tmp_path, known):
    path = tmp_path / "calibration.json"
    path.write_text(known if isinstance(known, str) else json.dumps(known))
    return read_calibration(path)


def test_both_cameras_and_the_motion_between_them(tmp_path):
    found = read(tmp_path, KNOWN)
    assert found.colour == Camera(Intrinsics(640, 480, 525, 526, 319.5, 239.5))
    assert found.depth == Camera(Intrinsics(320, 288, 252, 251, 160.5, 140))
    np.testing.assert_allclose(found.depth_to_colour @ [1, 0, 0, 1], [0.1, 1.2, 0.3, 1])


def test_seven_numbers_say_the_same(tmp_path):
    known = KNOWN | {"depth_to_colour": [0.1, 0.2, 0.3, 0, 0, np.sqrt(0.5), np.sqrt(0.5)]}
    np.testing.assert_allclose(read(tmp_path, known).depth_to_colour, read(tmp_path, KNOWN).depth_to_colour, atol=1e-12)


def test_distortion_is_read(tmp_path):
    known = copy.deepcopy(KNOWN)
    known["depth_camera"] |= {"distortion_model": "equidistant", "distortion": [0.1, 0.2, 0.3, 0.4]}
    known["colour_camera"]["distortion"] = [0.1, 0.2, 0, 0, 0.3]
    found = read(tmp_path, known)
    assert found.depth.lens == Lens("equidistant", (0.1, 0.2, 0.3, 0.4))
    assert found.colour.lens == Lens("plumb_bob", (0.1, 0.2, 0, 0, 0.3))


def test_registered_depth_needs_the_colour_camera_only(tmp_path):
    found = read(tmp_path, {"colour_camera": COLOUR})
    assert found.depth is None and found.depth_to_colour is None


def test_a_missing_file_says_what_it_should_hold(tmp_path):
    with pytest.raises(FileNotFoundError, match="calibration.json: expected a JSON file with colour_camera"):
        read_calibration(tmp_path / "calibration.json")


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        ("not json", "expected colour_camera, depth_camera.*Expecting value"),
        ("[]", "expected colour_camera"),
        ({}, "found no 'colour_camera'"),
        ({"colour_camera": COLOUR, "depth_camera": DEPTH}, "found no 'depth_to_colour'"),
        (KNOWN | {"colour_camera": COLOUR | {"fx": 0}}, "expected a positive size and positive focal lengths"),
        (KNOWN | {"colour_camera": COLOUR | {"fx": "wide"}}, "could not convert"),
        (KNOWN | {"depth_camera": DEPTH | {"distortion_model": "fov", "distortion": [1]}}, "found 'fov'"),
        (KNOWN | {"depth_to_colour": [0, 0, 0, 0, 0, 0, 0]}, "expected a rotation and finite numbers"),
        (KNOWN | {"depth_to_colour": [0, 0, 0]}, r"expected \[x, y, z, qx, qy, qz, qw\]"),
        (KNOWN | {"depth_to_colour": {"R": [[2, 0, 0], [0, 2, 0], [0, 0, 2]], "t_m": [0, 0, 0]}}, "without scale"),
        (KNOWN | {"depth_to_colour": {"R": [[-1, 0, 0], [0, 1, 0], [0, 0, 1]], "t_m": [0, 0, 0]}}, "right-handed"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, broken, sentence):
    with pytest.raises(ValueError, match=f"(?s)calibration.json: .*{sentence}"):
        read(tmp_path, broken)


@pytest.mark.parametrize("broken", [np.eye(3), np.full((4, 4), np.nan)])
def test_a_matrix_that_is_no_motion_is_refused(broken):
    with pytest.raises(ValueError, match="expected 4x4 finite numbers"):
        check_rigid(broken)


def test_the_identity_is_a_motion():
    np.testing.assert_array_equal(extrinsics([0, 0, 0, 0, 0, 0, 1]), np.eye(4))


@pytest.mark.parametrize("metres", [1e6, -1e300])
def test_cameras_far_apart_are_refused(metres):
    matrix = np.eye(4)
    matrix[1, 3] = metres
    with pytest.raises(ValueError, match="at most 1000 m apart, found a translation of .*; give it in metres"):
        check_rigid(matrix)
