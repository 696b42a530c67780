"""How depth of the colour image's size is sampled."""

import numpy as np
import pytest

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.own_grid import OwnGrids, own_grid

HEIGHT, WIDTH = 480, 640
COLOUR = Camera(Intrinsics(WIDTH, HEIGHT, 525.0, 525.0, 319.5, 239.5))


def scene(height=HEIGHT, width=WIDTH):
    y, x = np.mgrid[:height, :width] / (height, width)[0]
    depth = 2.0 + 0.3 * x + 0.2 * y
    depth[(x > 0.4) & (x < 0.8) & (y > 0.3) & (y < 0.7)] = 1.2
    return depth.astype(np.float32)


def dots(ratio, lost=0.0, seed=0):
    """What depth_image_proc/register makes of a sensor of `ratio` colour pixels per pixel, 3 cm beside colour."""
    height, width = round(HEIGHT / ratio), round(WIDTH / ratio)
    sensor = COLOUR.resized(width, height)
    depth = scene(height, width)
    depth[np.random.default_rng(seed).random(depth.shape) < lost] = np.nan
    rays = np.concatenate([sensor.rays(), np.ones((height, width, 1))], axis=-1)
    points = (rays * depth[..., None].astype(float)).reshape(-1, 3) + (0.03, 0, 0)
    points = points[np.argsort(-points[:, 2])]
    points = points[np.isfinite(points).all(axis=1)]
    column, row = np.round(COLOUR.project(points)).astype(int).T
    inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
    out = np.full((HEIGHT, WIDTH), np.nan, np.float32)
    out[row[inside], column[inside]] = points[inside, 2]
    return out


@pytest.mark.parametrize("lost", [0.0, 0.1])
@pytest.mark.parametrize("ratio", [2, 2.5, 4, 6, 8, 12])
def test_dots_are_taken_at_their_own_density(ratio, lost):
    image = dots(ratio, lost)
    grid = own_grid(image)
    assert grid.kind == "dots"
    # what is lost makes dots look a little farther apart
    assert grid.size[1] == pytest.approx(WIDTH / ratio, rel=0.02 + 0.6 * lost)
    taken = grid.take(image)
    assert taken.shape == grid.size
    known = np.isfinite(taken)
    assert known[1:-1, 3:-1].mean() > 0.97 - 1.2 * lost
    assert np.isin(taken[known], image[np.isfinite(image)]).all()  # measured values, none made up
    expected = scene(*grid.size)
    assert np.median(np.abs(taken - expected)[known]) < 0.01


@pytest.mark.parametrize("size", [(240, 320), (180, 240), (96, 128), (60, 80)])
def test_repeated_samples_are_taken_once(size):
    small = scene(*size) + np.random.default_rng(0).normal(0, 0.01, size).astype(np.float32)
    rows = (np.arange(HEIGHT) * size[0] / HEIGHT).astype(int)
    columns = (np.arange(WIDTH) * size[1] / WIDTH).astype(int)
    small[3, 4] = np.nan
    grid = own_grid(small[np.ix_(rows, columns)])
    assert grid.kind == "repeated" and grid.size == size
    np.testing.assert_array_equal(grid.take(small[np.ix_(rows, columns)]), small)


def holes(share):
    depth = scene()
    depth[np.random.default_rng(0).random(depth.shape) < share] = np.nan
    return depth


def patches():
    depth = scene()
    keep = np.random.default_rng(0).random((HEIGHT // 8, WIDTH // 8)) < 0.2
    depth[~np.kron(keep, np.ones((8, 8), bool))] = np.nan
    return depth


@pytest.mark.parametrize(
    "image",
    [scene(), holes(0.05), holes(0.5), patches(), np.full_like(scene(), 2), np.repeat(scene()[:1], HEIGHT, axis=0)],
    ids=["dense", "holes", "half", "patches", "wall", "ramp"],
)
def test_in_doubt_every_pixel_is_a_sample(image):
    grid = own_grid(image)
    assert grid.kind == "dense" and grid.take(image) is image


def test_what_tells_nothing_is_not_remembered():
    grids = OwnGrids()
    assert grids.of(np.full((HEIGHT, WIDTH), np.nan, np.float32)).kind == "dense"
    assert grids.of(dots(4)).kind == "dots"
    assert grids.of(scene()).kind == "dots"  # as decided by the first image that tells
