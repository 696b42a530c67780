"""Filling holes."""

import numpy as np
import pytest

from depth_sr_ros.cameras.holes import fill_nearest


def test_copies_the_nearest_valid_value():
    values = np.array([[1, 0, 0, 0, 5]], np.float32)
    assert np.array_equal(fill_nearest(values, values > 0)[0, [1, 3]], [1, 5])


def test_leaves_valid_values_and_the_input_alone():
    values = np.random.default_rng(0).random((20, 30), dtype=np.float32)
    valid = values > 0.5
    before = values.copy()
    filled = fill_nearest(values, valid)
    assert np.array_equal(filled[valid], values[valid]) and np.array_equal(values, before)
    assert set(np.unique(filled)) == set(values[valid])


def test_needs_something_to_fill_from():
    with pytest.raises(ValueError, match="at least one valid pixel"):
        fill_nearest(np.zeros((2, 2), np.float32), np.zeros((2, 2), bool))
