"""Depth units and validity follow the encoding."""

import numpy as np
import pytest

from depth_sr_ros.cameras.depth import to_metres, to_millimetres
from depth_sr_ros.cameras.errors import FrameError


@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
def test_sixteen_bit_depth_is_millimetres_with_zero_invalid(encoding):
    depth = to_metres(np.array([[0, 1, 1500, 65534]], np.uint16), encoding)
    np.testing.assert_allclose(depth, [[np.nan, 0.001, 1.5, 65.534]], rtol=1e-6)
    assert depth.dtype == np.float32


@pytest.mark.parametrize("unit", [None, 0.0001, 0.002])
def test_largest_count_is_no_distance_in_any_unit(unit):
    """Some sensors write it instead of 0."""
    depth = to_metres(np.array([[65535, 65534]], np.uint16), "16UC1", unit)
    assert np.isnan(depth).tolist() == [[True, False]]


def test_float_depth_is_metres_with_everything_unusable_invalid():
    raw = np.array([[np.nan, np.inf, -np.inf, -1, 0, 2.5]], np.float32)
    np.testing.assert_array_equal(to_metres(raw, "32FC1"), np.array([[np.nan] * 5 + [2.5]], np.float32))


def test_unit_overrides_the_encoding():
    assert to_metres(np.array([[2000]], np.uint16), "16UC1", unit=0.0001)[0, 0] == pytest.approx(0.2)


def test_zero_unit_follows_the_encoding():
    assert to_metres(np.array([[2000]], np.uint16), "16UC1", unit=0.0)[0, 0] == pytest.approx(2.0)


def test_raw_image_is_not_changed_and_not_shared():
    raw = np.array([[np.inf, 1]], np.float32)
    depth = to_metres(raw, "32FC1")
    depth[:] = 7
    np.testing.assert_array_equal(raw, np.array([[np.inf, 1]], np.float32))


def test_non_contiguous_rows_are_read():
    raw = np.arange(24, dtype=np.uint16).reshape(4, 6)[:, :4]
    np.testing.assert_allclose(to_metres(raw, "16UC1")[1], [0.006, 0.007, 0.008, 0.009], rtol=1e-6)


@pytest.mark.parametrize(
    ("raw", "encoding", "cause", "words"),
    [
        (np.zeros((2, 2), np.uint8), "8UC1", "encoding", r"expected one of .*'16UC1'.*found '8UC1'"),
        (np.zeros((2, 2), np.float32), "16UC1", "encoding", "expected .* uint16, found .* float32"),
        (np.zeros((2, 2, 1), np.uint16), "16UC1", "encoding", r"found \(2, 2, 1\)"),
        (np.zeros((0, 5), np.uint16), "16UC1", "empty", "no pixels"),
    ],
)
def test_unusable_input_says_expected_and_found(raw, encoding, cause, words):
    with pytest.raises(FrameError, match=words) as caught:
        to_metres(raw, encoding)
    assert caught.value.cause == cause


def test_millimetres_round_and_mark_what_does_not_fit():
    depth = np.array([[np.nan, 0.0004, 0.0006, 1.2344, 1.2346, 65.534, 65.535, np.inf, -1]], np.float32)
    np.testing.assert_array_equal(to_millimetres(depth), [[0, 0, 1, 1234, 1235, 65534, 0, 0, 0]])


def test_every_millimetre_survives_the_round_trip():
    raw = np.arange(65535, dtype=np.uint16).reshape(255, 257)
    assert np.array_equal(to_millimetres(to_metres(raw, "16UC1")), raw)
