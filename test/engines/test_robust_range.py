"""No cell moves pixels out of its reach, in every engine that runs here."""

import numpy as np
import pytest
from engine_cases import engine_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_sr_ros.engines.robust_range import add_excess, clip_to_supported, supported_range
from depth_sr_ros.engines.select import load_runtime

GRID, SCALE = (18, 30), 8
REACH = 36 + SCALE  # pixels: FDKN x8 looks 36 beyond a cell, and a hole next to a cell is filled by it
FARTHEST = float(np.finfo(np.float32).max)
WILD = st.sampled_from([1e-6, 0.05, 0.5, 20.0, 1000.0, FARTHEST]) | st.floats(2.0**-20, FARTHEST, width=32)
CELLS = st.tuples(st.integers(0, GRID[0] - 1), st.integers(0, GRID[1] - 1))


def _frame():
    """Two flat cards before a slanted wall: each extreme of depth is there more than twice."""
    rng = np.random.default_rng(2)
    depth = 2.0 + 0.05 * np.arange(GRID[1]) * np.ones((GRID[0], 1))
    depth[2:9, 3:9], depth[10:16, 18:26] = 0.9, 1.4
    depth[12, 5:8] = 0
    rgb = rng.integers(0, 60, (GRID[0] * SCALE, GRID[1] * SCALE, 3))
    rgb += np.where(np.kron(depth, np.ones((SCALE, SCALE))) < 1.5, 150, 20)[..., None]
    return {"rgb": rgb.astype(np.uint8), "depth": depth.astype(np.float32)}


@pytest.fixture(scope="module", params=list(engine_cases()), ids=lambda p: "-".join(p))
def engine(request, artifact):
    name, precision = request.param
    with load_runtime(name)(artifact, GRID, precision, threads=1) as built:
        yield built


def _beyond(cell):
    y, x = np.mgrid[: GRID[0] * SCALE, : GRID[1] * SCALE]
    rows, columns = (np.maximum(SCALE * c - p, p - SCALE * c - SCALE + 1) for c, p in zip(cell, (y, x), strict=True))
    return np.maximum(rows, columns) > REACH


def test_any_cell_of_any_depth_moves_no_pixel_out_of_its_reach(engine):
    frame = _frame()
    before = engine.infer(frame)["depth_hr"]

    @settings(max_examples=12, deadline=None, database=None)
    @given(CELLS, WILD)
    def check(cell, wild):
        depth = frame["depth"].copy()
        depth[cell] = wild
        after = engine.infer({**frame, "depth": depth})["depth_hr"]
        assert np.isfinite(after).all()
        assert np.abs(after - before)[_beyond(cell)].max() < 0.001

    check()


def test_the_graph_alone_is_moved_everywhere(engine):
    """What is guarded against is there."""
    frame, cell = _frame(), (0, 0)
    before = engine.run_graph(frame)["depth_hr"]
    frame["depth"][cell] = 1000.0
    after = engine.run_graph(frame)["depth_hr"]
    assert np.abs(after - before)[_beyond(cell)].max() > 0.02


def test_a_wild_measurement_is_kept_in_its_own_square(engine):
    frame = _frame()
    frame["depth"][5, 20] = 1000.0
    square = engine.infer(frame)["depth_hr"][40:48, 160:168]
    assert (square > 990).all() and (square <= 1000).all()


def test_without_isolated_extremes_the_graph_gets_what_came(engine):
    frame = _frame()
    np.testing.assert_array_equal(engine.infer(frame)["depth_hr"], engine.run_graph(frame)["depth_hr"])


def by_hand(depth):
    """The supported range, cell by cell."""
    pairs = []
    for (y, x), z in np.ndenumerate(depth):
        around = depth[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].copy()
        around[min(y, 1), min(x, 1)] = 0
        pairs += [(z, other) for other in around[around > 0]] if z > 0 else []
    touching = len({z for z, _ in pairs})
    if 2 * touching < np.count_nonzero(depth) or not pairs:
        return None
    low, high = min(max(pair) for pair in pairs), max(min(pair) for pair in pairs)
    return min(low, high), max(low, high)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.floats(0, 1), st.integers(0, 10**6))
def test_the_range_is_what_two_touching_cells_reach(height, width, share, seed):
    rng = np.random.default_rng(seed)
    depth = rng.permutation(height * width).reshape(height, width).astype(np.float32) + 1  # all different
    depth[rng.random(depth.shape) > share] = 0
    assert supported_range(depth) == by_hand(depth)


@pytest.mark.parametrize("wire", [(slice(4, 5), slice(0, 8)), (slice(0, 8), slice(3, 4)), None])
def test_a_wire_one_cell_wide_supports_itself(wire):
    depth = np.full((8, 8), 3.0, np.float32)
    if wire is None:
        np.fill_diagonal(depth, 0.7)
    else:
        depth[wire] = 0.7
    kept, excess = clip_to_supported(depth)
    assert kept is depth and excess is None


def test_nothing_is_lost():
    depth = np.full((5, 6), 2.0, np.float32)
    depth[1, 1], depth[3, 4], depth[0, 5] = 0.05, FARTHEST, 0
    depth[4, :2] = 1.5
    kept, excess = clip_to_supported(depth)
    assert kept[1, 1] == 1.5 and kept[3, 4] == 2.0 and kept[0, 5] == 0
    large = np.kron(kept, np.ones((3, 3), np.float32))
    add_excess(large, excess)
    np.testing.assert_allclose(large, np.kron(depth, np.ones((3, 3))), rtol=1e-6)


@pytest.mark.parametrize("valid", [[], [(2, 3)], [(0, 0), (2, 3), (4, 5)]], ids=["none", "one", "apart"])
def test_cells_that_do_not_touch_keep_their_range(valid):
    depth = np.zeros((5, 6), np.float32)
    for number, cell in enumerate(valid):
        depth[cell] = 1.0 + 100 * number
    kept, excess = clip_to_supported(depth)
    assert kept is depth and excess is None
