"""Driver's alignment, classical chain and bicubic, beside independent results."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bench.cameras.aligned import aligned
from demo.panning import CAMERAS
from demo.peers import PeerMethods
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (480, 640, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def raw(show):
    return next(frame for frame in show.published.frames() if frame.stream == "depth").metres()


@pytest.fixture(scope="module")
def peers(raw):
    return PeerMethods((480, 640), raw.shape, CAMERAS)(RGB, raw)


def test_aligns_as_a_driver_does(peers, raw):
    expected = aligned(raw, CAMERAS.depth, CAMERAS.colour, CAMERAS.depth_to_colour)
    assert np.isfinite(peers.aligned).mean() == pytest.approx(np.isfinite(expected).mean(), abs=0.01)
    both = np.isfinite(peers.aligned) & np.isfinite(expected)
    # at seams they may differ by a pixel
    assert (np.abs(peers.aligned - expected)[both] < 1e-3).mean() > 0.97


def test_a_driver_invents_nothing(peers, raw):
    # moved by a few millimetres along the axis, nothing lies outside of what was measured
    given = peers.aligned[np.isfinite(peers.aligned)]
    assert np.nanmin(raw) - 0.1 < given.min() and given.max() < np.nanmax(raw) + 0.2
    assert 0.02 < np.isnan(peers.aligned).mean() < 0.3


def test_the_classical_chain_is_opencvs_filter_of_the_filled_start_image(peers, raw):
    options = RegistrationOptions(assign_mixed=True)
    start = Registration(CAMERAS.depth, CAMERAS.colour, CAMERAS.depth_to_colour, options)(raw).start
    expected = cv2.ximgproc.jointBilateralFilter(RGB.astype(np.float32), start, 9, 20.0, 5.0)
    np.testing.assert_allclose(peers.classical, expected)
    assert np.isfinite(peers.classical).all()


def test_bicubic_is_dense_and_as_coarse_as_the_depth_image(peers):
    assert peers.bicubic.shape == (480, 640) and np.isfinite(peers.bicubic).all()
    both = np.isfinite(peers.aligned)
    assert np.median(np.abs(peers.bicubic - peers.aligned)[both]) < 0.03


def test_registered_depth_is_enlarged_pixel_by_pixel():
    depth = RNG.uniform(1, 4, (60, 80)).astype(np.float32)
    depth[10, 10] = np.nan
    found = PeerMethods((480, 640), (60, 80), None)(RGB, depth)
    np.testing.assert_allclose(found.aligned, np.kron(depth, np.ones((8, 8), np.float32)), rtol=1e-5)


def test_depth_without_any_value_is_an_error():
    with pytest.raises(FrameError, match="found none"):
        PeerMethods((480, 640), (60, 80), None)(RGB, np.full((60, 80), np.nan, np.float32))
