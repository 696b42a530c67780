import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.image_messages import colour_pixels, depth_pixels

RNG = np.random.default_rng(5)


def image(pixels, encoding, **changes):
    rows = np.ascontiguousarray(pixels)
    fields = {
        "height": rows.shape[0], "width": rows.shape[1], "encoding": encoding, "is_bigendian": 0,
        "step": rows.strides[0], "data": rows.reshape(-1).view(np.uint8),
    }  # fmt: skip
    return SimpleNamespace(**(fields | changes))


def test_padded_rows_are_dropped():
    padded = RNG.integers(1, 5000, (6, 10), dtype=np.uint16)
    pixels, encoding = depth_pixels(image(padded, "16UC1", width=8))
    assert encoding == "16UC1"
    np.testing.assert_array_equal(pixels, padded[:, :8])


def test_big_endian_depth_is_turned_round():
    depth = RNG.integers(1, 5000, (6, 8), dtype=np.uint16)
    np.testing.assert_array_equal(depth_pixels(image(depth.astype(">u2"), "mono16", is_bigendian=1))[0], depth)


@pytest.mark.parametrize(("encoding", "order"), [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("8UC3", [2, 1, 0])])
def test_colour_comes_out_as_rgb(encoding, order):
    pixels = RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(colour_pixels(image(pixels, encoding)), pixels[..., order])


def test_a_picture_that_claims_more_pixels_than_opencv_takes_is_unreadable():
    png = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    png[16:24] = struct.pack(">II", 200_000, 200_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    with pytest.raises(FrameError, match="cannot be decoded: OpenCV") as refused:
        colour_pixels(SimpleNamespace(format="rgb8; png compressed", data=bytes(png)))
    assert refused.value.cause == "unreadable"


DEPTH = np.ones((6, 8), np.uint16)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (image(DEPTH, "16UC1", data=np.zeros(95, np.uint8)), "data_length"),
        (image(DEPTH, "16UC1", width=9), "data_length"),
        (image(DEPTH, "16UC1", height=0, data=np.zeros(0, np.uint8)), "empty"),
        (image(DEPTH, "8UC1"), "encoding"),
        (SimpleNamespace(format="16UC1; compressedDepth png", data=b"short"), "data_length"),
        (SimpleNamespace(format="16UC1; compressedDepth png", data=b"\0" * 12 + b"no PNG"), "encoding"),
        (SimpleNamespace(format="16UC1; compressedDepth rvl", data=b"\0" * 12 + b"short"), "data_length"),
        (SimpleNamespace(format="16UC1; compressedDepth rvl", data=b"\0" * 12 + b"\xff" * 8), "data_length"),
        (SimpleNamespace(format="16UC1; compressedDepth rvl", data=b"\0" * 12 + b"\4\0\0\0" * 2), "data_length"),
        (SimpleNamespace(format="16UC1; compressedDepth png", data=b"\0" * 12 + b"\x89PNG broken"), "unreadable"),
    ],
)
def test_refuses_depth_that_cannot_be_used(message, cause):
    with pytest.raises(FrameError) as error:
        depth_pixels(message)
    assert error.value.cause == cause


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (image(np.zeros((6, 8, 3), np.uint8), "purple8"), "encoding"),
        (image(np.zeros((6, 8), np.float32), "32FC1"), "encoding"),
        (SimpleNamespace(format="jpeg", data=b"no jpeg"), "unreadable"),
        (SimpleNamespace(format="jpeg", data=b""), "unreadable"),
    ],
)
def test_refuses_colour_that_cannot_be_used(message, cause):
    with pytest.raises(FrameError) as error:
        colour_pixels(message)
    assert error.value.cause == cause
