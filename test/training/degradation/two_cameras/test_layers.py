"""The fast view of a scene against the one of triangles, and against exact layers."""

import numpy as np
import pytest
from two_cameras import motion

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from training.degradation.two_cameras.behind import continued
from training.degradation.two_cameras.layers import Layer, Projection, draw
from training.degradation.two_cameras.mesh import mesh_of
from training.degradation.two_cameras.rendering import render
from training.degradation.two_cameras.uncovered import continue_behind

COLOUR = Intrinsics(97, 71, 90.0, 93.0, 47.3, 36.1)
BESIDE = Intrinsics(120, 88, 101.0, 99.0, 58.8, 43.4)


def _boxes(seed=2):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: COLOUR.height, : COLOUR.width]
    depth = 2.4 + 0.004 * x - 0.003 * y
    for _ in range(6):
        top, left = rng.integers(0, 55), rng.integers(0, 80)
        depth[top : top + rng.integers(4, 25), left : left + rng.integers(4, 25)] = rng.uniform(0.8, 2.0)
    return depth.astype(np.float32)


def _view(depth, to_camera, roll=(0.0, 0.0)):
    projection = Projection.between(COLOUR, BESIDE, to_camera, roll)
    size = BESIDE.height, BESIDE.width
    return draw([Layer((1 / depth).astype(np.float32))], COLOUR, size, projection), projection


MOTION = motion(-0.05, 0.02, 0.01, (0.01, -0.02, 0.03))


def test_it_sees_what_the_mesh_shows():
    depth = _boxes()
    drawn, _ = _view(depth, MOTION)
    exact = render(mesh_of(depth, Camera(COLOUR)), Camera(BESIDE), MOTION)
    both = np.isfinite(exact) & (drawn.inverse > 0)
    assert (np.isfinite(exact) == (drawn.inverse > 0)).mean() > 0.999
    error = np.abs(1 / drawn.inverse[both] - exact[both]) / exact[both]
    assert np.quantile(error, 0.999) < 1e-5


def test_holes_behind_edges_are_continued_as_by_the_slow_way():
    depth = _boxes()
    drawn, projection = _view(depth, MOTION)
    filled = continued(drawn, projection)
    exact = continue_behind(render(mesh_of(depth, Camera(COLOUR)), Camera(BESIDE), MOTION), Camera(BESIDE), MOTION)
    both = np.isfinite(exact) & (filled.inverse > 0)
    assert (filled.inverse > 0).sum() > (drawn.inverse > 0).sum()
    assert (np.isfinite(exact) == (filled.inverse > 0)).mean() > 0.995
    assert np.median(np.abs(1 / filled.inverse[both] - exact[both])) < 1e-5
    assert (np.abs(1 / filled.inverse[both] - exact[both]) > 0.01).mean() < 0.005


def test_a_pixels_source_shows_the_same_place():
    depth = _boxes()
    drawn, _ = _view(depth, np.eye(4))
    y, x = np.nonzero(drawn.inverse > 0)
    number = drawn.source[y, x]
    seen = np.stack([(x - BESIDE.cx) / BESIDE.fx, (y - BESIDE.cy) / BESIDE.fy])
    own = np.stack([(number % COLOUR.width - COLOUR.cx) / COLOUR.fx, (number // COLOUR.width - COLOUR.cy) / COLOUR.fy])
    assert np.abs(seen - own).max() < 0.75 / 90
    assert (drawn.source[drawn.inverse == 0] == -1).all()


def test_layers_show_what_hides_behind_them():
    wall = np.full((COLOUR.height, COLOUR.width), 1 / 3.0, np.float32)
    board = Layer(np.full((30, 20), 1 / 1.0, np.float32), 20, 40)
    projection = Projection.between(COLOUR, BESIDE, motion(-0.08))
    drawn = draw([Layer(wall), board], COLOUR, (BESIDE.height, BESIDE.width), projection)
    middle = drawn.inverse[30:50, 10:100]
    assert (middle > 0).all() and set(np.round(1 / middle, 3).ravel()) == {1.0, 3.0}


@pytest.mark.parametrize("axis", (0, 1))
def test_a_rolling_shutter_shears_the_image(axis):
    depth = _boxes()
    roll = (6.0, 0.0) if axis == 0 else (0.0, 6.0)
    straight, sheared = _view(depth, np.eye(4))[0].inverse, _view(depth, np.eye(4), roll)[0].inverse
    for row in (20, 60):
        moved = round((row - (BESIDE.height - 1) / 2) / BESIDE.height * 6)
        shift = (moved, 0) if axis == 0 else (0, moved)
        expected = np.roll(straight, (shift[1], shift[0]), axis=(0, 1))
        one, other = sheared[row, 20:100], expected[row, 20:100]
        assert (np.abs(one - other) < 0.02).mean() > 0.85
