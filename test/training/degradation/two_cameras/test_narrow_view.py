"""A depth image that ends early."""

import numpy as np
import pytest

from training.degradation.two_cameras.narrow_view import narrowed


@pytest.mark.parametrize("seed", range(12))
def test_one_or_two_sides_end_early_and_the_rest_stays(seed):
    depth = np.arange(30 * 40, dtype=np.float32).reshape(30, 40) + 1
    kept = depth.copy()
    seen = narrowed(depth, 0.4, np.random.default_rng(seed))
    assert (depth == kept).all(), "the image given is left alone"
    measured = np.isfinite(seen)
    rows, columns = measured.any(axis=1), measured.any(axis=0)
    assert (measured == rows[:, None] & columns[None]).all(), "what is left is a rectangle"
    assert (seen[measured] == depth[measured]).all()
    ends = [not rows[0], not rows[-1], not columns[0], not columns[-1]]
    assert 1 <= sum(ends) <= 2 and rows.mean() >= 0.6 and columns.mean() >= 0.6
    assert not (ends[0] and ends[1]) and not (ends[2] and ends[3]), "two sides are neighbours"


def test_a_strip_is_a_fifth_of_the_most_to_the_most_wide():
    for seed in range(80):
        lost = ~np.isfinite(narrowed(np.ones((200, 200), np.float32), 0.5, np.random.default_rng(seed)))
        for strip in (lost.all(axis=0).mean(), lost.all(axis=1).mean()):
            assert strip == 0 or 0.1 <= strip <= 0.5
