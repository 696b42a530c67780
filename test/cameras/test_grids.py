"""Bringing registered depth of any size to a network's grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.grids import frame_layout, reduce_to_grid

SHIPPED = (4, 8)


@pytest.mark.parametrize(
    ("colour", "depth", "kind", "scale", "grid"),
    [
        ((480, 640), (60, 80), "coarse", 8, (60, 80)),
        ((480, 640), (480, 640), "colour_sized", 8, (60, 80)),
        ((480, 640), (120, 160), "coarse", 4, (120, 160)),
        ((720, 1280), (240, 424), "between", 4, (180, 320)),
        ((1080, 1920), (180, 320), "between", 8, (135, 240)),
        ((480, 640), (30, 40), "between", 8, (60, 80)),
        ((481, 641), (60, 80), "coarse", 8, (61, 81)),
        ((479, 639), (60, 80), "coarse", 8, (60, 80)),
    ],
)
def test_plan(colour, depth, kind, scale, grid):
    layout = frame_layout(colour, depth, 8, SHIPPED)
    assert (layout.kind, layout.scale, layout.grid) == (kind, scale, grid)
    assert f"{depth[1]}x{depth[0]}" in layout.sentence(colour, depth)


def test_grid_grows_to_the_networks_multiple():
    assert frame_layout((50, 62), (25, 31), 2, (2,), multiple=4).grid == (26, 32)


@pytest.mark.parametrize(
    ("colour", "depth", "cause", "words"),
    [
        ((60, 80), (480, 640), "size", "larger than colour"),
        ((480, 640), (60, 60), "size", "aspect ratios"),
        ((480, 640), (0, 80), "empty", "with pixels"),
    ],
)
def test_sizes_that_cannot_be_registered_are_refused(colour, depth, cause, words):
    with pytest.raises(FrameError, match=words) as caught:
        frame_layout(colour, depth, 8, SHIPPED)
    assert caught.value.cause == cause


def test_scale_one_takes_depth_of_the_colours_size_as_it_is():
    layout = frame_layout((50, 61), (50, 61), 1, (1,), multiple=4)
    assert (layout.kind, layout.scale, layout.grid) == ("coarse", 1, (52, 64))


def test_reduction_never_averages_across_an_edge():
    depth = np.where(np.arange(64) < 29, 1.0, 3.0).astype(np.float32)[None, :].repeat(64, 0)
    assert set(np.unique(reduce_to_grid(depth, (8, 8)))) == {1.0, 3.0}


def test_reduction_of_repeated_cells_gives_the_cells_back():
    cells = np.random.default_rng(0).uniform(1, 5, (6, 7)).astype(np.float32)
    assert np.array_equal(reduce_to_grid(np.kron(cells, np.ones((8, 8), np.float32)), (6, 7)), cells)


def test_cell_is_a_hole_only_where_hardly_anything_is_valid():
    depth = np.full((16, 8), np.nan, np.float32)
    depth[:8][::3, ::3] = 2.0  # a sparse dot pattern, as aligned by a driver: 9 of 64
    depth[8, 0] = 2.0  # a single stray pixel
    reduced = reduce_to_grid(depth, (2, 1))
    assert reduced[0, 0] == 2.0 and np.isnan(reduced[1, 0])


@pytest.mark.parametrize(
    ("colour", "depth"), [((540, 960), (540, 960)), ((540, 960), (270, 480)), ((99, 99), (61, 61))]
)
def test_cells_lie_where_the_network_takes_them_to_be(colour, depth):
    """Values name their row in colour pixels; a cell is exactly `scale` colour pixels high, also at the far end."""
    layout = frame_layout(colour, depth, 8, (8,))
    pitch = colour[0] / depth[0]
    rows = ((np.arange(depth[0], dtype=np.float32) + 0.5) * pitch)[:, None].repeat(depth[1], 1)
    found = reduce_to_grid(rows, layout.grid, layout.extent(colour))[:-1, 0]
    assert np.abs(found - (np.arange(len(found)) + 0.5) * 8).max() <= pitch


def test_finer_grid_takes_the_nearest_sample():
    depth = np.array([[1, 2], [3, 4]], np.float32)
    assert np.array_equal(reduce_to_grid(depth, (4, 4)), np.kron(depth, np.ones((2, 2), np.float32)))


def test_input_is_not_changed():
    depth = np.random.default_rng(0).random((16, 16), dtype=np.float32)
    before = depth.copy()
    reduce_to_grid(depth, (2, 2))
    assert np.array_equal(depth, before)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_every_cell_is_a_measured_value_from_its_own_place(height, width, rows, columns, seed):
    """Values name their place, so a cell may only show one that it covers or touches."""
    y, x = np.mgrid[:height, :width]
    depth = (1 + y * 100 + x).astype(np.float32)
    depth[np.random.default_rng(seed).random(depth.shape) < 0.3] = np.nan
    reduced = reduce_to_grid(depth, (rows, columns))
    assert reduced.shape == (rows, columns)
    for (row, column), value in np.ndenumerate(reduced):
        if np.isnan(value):
            continue
        source_y, source_x = divmod(int(value) - 1, 100)
        assert abs((source_y + 0.5) / height - (row + 0.5) / rows) <= 0.5 / rows + 0.5 / height
        assert abs((source_x + 0.5) / width - (column + 0.5) / columns) <= 0.5 / columns + 0.5 / width
