"""Depth aligned as drivers do it."""

import numpy as np
import pytest

from bench.cameras.aligned import aligned
from depth_sr_ros.cameras.camera import Camera, Intrinsics

NAN = np.float32(np.nan)


def _camera(width, height, focal):
    return Camera(Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2))


def _beside(x):
    matrix = np.eye(4)
    matrix[0, 3] = x
    return matrix


def test_a_pixel_covers_its_square():
    coarse = _camera(4, 3, 4.0)
    depth = np.arange(1, 13, dtype=np.float32).reshape(3, 4)
    depth[1, 2] = NAN
    found = aligned(depth, coarse, coarse.resized(16, 12), np.eye(4))
    np.testing.assert_array_equal(found, depth.repeat(4, 0).repeat(4, 1))


def test_the_nearest_wins_and_what_is_uncovered_stays_empty():
    camera = _camera(20, 4, 20.0)
    depth = np.full((4, 20), 2, np.float32)
    depth[:, 8:12] = 1
    found = aligned(depth, camera, camera, _beside(0.1))[1]  # near moves by 2 px, far by 1
    expected = [NAN] + [2] * 8 + [NAN] + [1] * 4 + [2] * 6
    np.testing.assert_array_equal(found, expected)


def test_a_pixel_smaller_than_the_targets_takes_one():
    fine = _camera(12, 12, 12.0)
    depth = np.full((12, 12), NAN)
    depth[4, 7] = 1.5
    found = aligned(depth, fine, fine.resized(4, 4), np.eye(4))
    assert np.argwhere(np.isfinite(found)).tolist() == [[1, 2]] and found[1, 2] == 1.5


@pytest.mark.parametrize("beside", [50.0, -50.0])
def test_what_is_beyond_the_image_is_left_out(beside):
    camera = _camera(8, 6, 8.0)
    assert np.isnan(aligned(np.ones((6, 8), np.float32), camera, camera, _beside(beside))).all()
