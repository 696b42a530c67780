"""What the depth camera sees, beside rays that are cut with planes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from demo.depth_camera import DEPTH_CAMERA, DEPTH_TO_COLOUR, PLACE
from demo.panning import CAMERAS, COLOUR_CAMERA
from demo.rendering import SAMPLES, seen
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.relation import Evidence, relate

HEIGHT, WIDTH = DEPTH_CAMERA.size
# sees more than the depth camera does
WIDE = Camera(Intrinsics(900, 720, 995.0, 995.0, 449.5, 359.5))


def cut(camera, to_colour, points, normal):
    """Distance along a camera's axis, per pixel, of the plane through `points` with a normal in the colour frame."""
    rays = np.concatenate([camera.rays(), np.ones((*camera.size, 1))], axis=-1) @ to_colour[:3, :3].T
    return (np.dot(points, normal) - to_colour[:3, 3] @ normal) / (rays @ normal)


def sample_positions():
    return DEPTH_CAMERA.resized(WIDTH * SAMPLES, HEIGHT * SAMPLES)


def by_sample(samples):
    """(h, w, n) back to the image of samples."""
    side = samples.reshape(HEIGHT, WIDTH, SAMPLES, SAMPLES).swapaxes(1, 2)
    return side.reshape(HEIGHT * SAMPLES, WIDTH * SAMPLES)


def test_a_slanted_plane_is_where_rays_meet_it():
    normal = np.array([0.3, -0.2, 1.0])
    wall = cut(WIDE, np.eye(4), (0, 0, 3), normal).astype(np.float32)
    expected = cut(sample_positions(), DEPTH_TO_COLOUR, (0, 0, 3), normal)
    measured = by_sample(seen(wall, WIDE))
    assert np.isfinite(measured).mean() > 0.99
    np.testing.assert_allclose(measured[np.isfinite(measured)], expected[np.isfinite(measured)], atol=5e-4)


def box_before_a_wall():
    """A square of 0.6 m, 2 m away, before a wall at 4 m."""
    z = np.full(WIDE.size, 4.0, np.float32)
    x, y = np.moveaxis(WIDE.rays() * 2, -1, 0)
    z[(np.abs(x) < 0.3) & (np.abs(y) < 0.3)] = 2
    return z


def test_the_nearer_surface_hides_the_farther_one_and_that_goes_on_behind_it():
    measured = by_sample(seen(box_before_a_wall(), WIDE))
    camera = sample_positions()
    near = cut(camera, DEPTH_TO_COLOUR, (0, 0, 2), np.array([0, 0, 1.0]))
    far = cut(camera, DEPTH_TO_COLOUR, (0, 0, 4), np.array([0, 0, 1.0]))
    rays = np.concatenate([camera.rays(), np.ones((*camera.size, 1))], axis=-1)
    point = rays * near[..., None] @ DEPTH_TO_COLOUR[:3, :3].T + DEPTH_TO_COLOUR[:3, 3]
    inside = (np.abs(point[..., 0]) < 0.3) & (np.abs(point[..., 1]) < 0.3)
    expected = np.where(inside, near, far)
    known = np.isfinite(measured)
    assert known.mean() > 0.99
    # the scene's pixels say where the square ends to within half of their 2 mm
    assert (np.abs(measured - expected)[known] < 0.01).mean() > 0.995
    assert inside.mean() > 0.15


def test_what_the_scene_does_not_know_is_not_seen():
    wall = np.full(WIDE.size, 3.0, np.float32)
    wall[300:420, 400:500] = np.nan
    measured = by_sample(seen(wall, WIDE))
    assert np.isnan(measured[measured.shape[0] // 2]).sum() > 50


def test_sees_more_than_the_colour_camera_and_nothing_where_that_does_not_look():
    measured = by_sample(seen(np.full(COLOUR_CAMERA.size, 3.0, np.float32), COLOUR_CAMERA))
    middle = measured.shape[0] // 2
    assert np.isnan(measured[middle, [0, -1]]).any() and np.isfinite(measured[middle]).mean() > 0.7
    assert 0.6 < np.isfinite(measured).mean() < 0.99


def test_stands_beside_the_colour_camera_and_is_not_registered_to_it():
    assert 0.25 < np.sqrt(DEPTH_CAMERA.intrinsics.fx / COLOUR_CAMERA.intrinsics.fx) ** 2 < 1 / 3
    assert np.linalg.norm(PLACE[:3]) == pytest.approx(0.05, abs=0.002)
    assert DEPTH_CAMERA.lens.coefficients and any(DEPTH_CAMERA.lens.coefficients)
    assert relate(Evidence.of(CAMERAS)).kind == "unregistered"
