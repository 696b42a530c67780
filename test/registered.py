"""What holds for every registered image."""

import numpy as np
import pytest

from depth_sr_ros.cameras.registration import FOOTPRINT, NOTHING


def check(registered, size):
    """What holds for every result."""
    for image in (registered.start, registered.near, registered.far):
        assert image.shape == size and image.dtype == np.float32
    assert registered.quality.shape == size and registered.quality.dtype == np.uint8
    known = registered.quality != NOTHING
    np.testing.assert_array_equal(np.isfinite(registered.start), known)
    assert (registered.near[known] <= registered.start[known]).all()
    assert (registered.start[known] <= registered.far[known]).all()
    assert registered.coverage == pytest.approx((registered.quality >= FOOTPRINT).mean())
