"""Measurements that are taken away from real frames."""

import numpy as np
import pytest

from training.degradation.two_cameras.hiding import HidingRanges, hidden
from training.degradation.two_cameras.ranges import NOTHING, Amount

FOCAL = 100.0


def scene():
    depth = np.full((60, 80), 3.0, np.float32)
    depth[20:40, 30:50] = 1.0
    depth[5:10, 5:10] = np.nan
    return depth


def test_only_what_was_measured_is_taken_and_at_most_about_half_of_it():
    depth = scene()
    for seed in range(40):
        away = hidden(depth, FOCAL, np.random.default_rng(seed))
        assert not (away & np.isnan(depth)).any()
        assert away.sum() <= 0.55 * np.isfinite(depth).sum()


def test_equal_generators_hide_the_same():
    one, other = (hidden(scene(), FOCAL, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.any() and (one != hidden(scene(), FOCAL, np.random.default_rng(8))).any()


def test_patches_take_the_share_asked_for():
    only = HidingRanges(Amount(0.1, 0.1), edges=NOTHING, grazing=NOTHING, thin=NOTHING, shadow=NOTHING)
    flat = np.full((100, 100), 2.0, np.float32)
    shares = [hidden(flat, FOCAL, np.random.default_rng(seed), only).mean() for seed in range(5)]
    assert shares == pytest.approx([0.1] * 5, abs=1e-3)


def test_edges_are_lost_beside_jumps_only():
    only = HidingRanges(NOTHING, edges=Amount(1.0, 1.0), grazing=NOTHING, thin=NOTHING, shadow=NOTHING)
    away = hidden(scene(), FOCAL, np.random.default_rng(1), only)
    rows, columns = np.nonzero(away)
    assert len(rows) and rows.min() >= 20 - 4 and rows.max() <= 40 + 4
    assert columns.min() >= 30 - 4 and columns.max() <= 50 + 4 and not away[27:33, 37:43].any()
