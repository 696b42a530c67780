"""Pixels of uncompressed image messages: what is accepted, what is refused, and how they are decoded.

Takes any object with the fields of sensor_msgs/Image, live or from a bag; needs no ROS. The library that converts
colours is handed in. No message is ever changed; arrays may be views that keep their message alive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.errors import FrameError

Decoder = Callable[[Any, "str | None"], NDArray[Any]]
"""(image with the fields of sensor_msgs/Image, wanted encoding or None for as it is) -> array."""

_COLOUR_BYTES = {
    "rgb8": (1, 3), "bgr8": (1, 3), "8UC3": (1, 3), "rgba8": (1, 4), "bgra8": (1, 4), "8UC4": (1, 4),
    "mono8": (1, 1), "8UC1": (1, 1), "mono16": (2, 1), "rgb16": (2, 3), "bgr16": (2, 3),
    "yuv422": (1, 2), "uyvy": (1, 2), "yuv422_yuy2": (1, 2), "yuyv": (1, 2),
    "bayer_rggb8": (1, 1), "bayer_bggr8": (1, 1), "bayer_gbrg8": (1, 1), "bayer_grbg8": (1, 1),
}  # fmt: skip
"""Bytes per channel and channels per pixel of every accepted colour encoding."""

_DEPTH_BYTES = {"16UC1": (2, 1), "mono16": (2, 1), "32FC1": (4, 1)}

# OpenCV's own encodings name no colour order; its convention is BGR.
_COLOUR_ALIASES = {"8UC3": "bgr8", "8UC4": "bgra8", "8UC1": "mono8", "uyvy": "yuv422", "yuyv": "yuv422_yuy2"}


def decode_colour(message: Any, decoder: Decoder) -> NDArray[np.uint8]:
    """The colour image of a message, uint8 RGB (H, W, 3).

    Args:
        message: has the fields of sensor_msgs/Image.
        decoder: converts the colours.

    Raises:
        FrameError: `encoding`, `empty`, `data_length` or `unreadable`.
    """
    rgb = _decoded(_checked(message, _COLOUR_BYTES, "colour image"), "rgb8", "colour image", decoder)
    return np.ascontiguousarray(rgb, dtype=np.uint8)


def decode_depth(message: Any, decoder: Decoder) -> NDArray[Any]:
    """The depth image of a message as it is, (H, W) uint16 or float32 in the unit of its encoding.

    Args:
        message: has the fields of sensor_msgs/Image.
        decoder: unpacks the pixels.

    Raises:
        FrameError: `encoding`, `empty`, `data_length` or `unreadable`.
    """
    return _decoded(_checked(message, _DEPTH_BYTES, "depth image"), None, "depth image", decoder)


def _decoded(image: Any, wanted: str | None, name: str, decoder: Decoder) -> NDArray[Any]:
    try:
        return decoder(image, wanted)
    except Exception as error:  # the libraries raise their own and OpenCV's types
        raise FrameError(
            "unreadable", f"{name}: expected a readable {image.encoding} image, found {error}; check the driver"
        ) from error


def _checked(message: Any, bytes_of: dict[str, tuple[int, int]], name: str) -> Any:
    """Refuses what cannot be decoded; gives an image with packed rows in the machine's byte order."""
    if message.encoding not in bytes_of:
        raise FrameError(
            "encoding",
            f"{name}: expected one of the encodings {', '.join(bytes_of)}, found {message.encoding!r}; "
            "set the camera driver's format, or check the topic remapping",
        )
    if message.width == 0 or message.height == 0:
        raise FrameError(
            "empty", f"{name}: expected pixels, found size {message.width}x{message.height}; check the camera driver"
        )
    item_bytes, channels = bytes_of[message.encoding]
    row_bytes = message.width * item_bytes * channels
    _check_length(message, row_bytes, name)
    if channels == 2 and message.width % 2:
        raise FrameError(
            "unreadable",
            f"{name}: expected an even width for {message.encoding}, whose pixels share colour in pairs, found "
            f"{message.width}; set another size or format in the camera driver",
        )
    swap = item_bytes > 1 and bool(message.is_bigendian) != (sys.byteorder == "big")
    encoding = _COLOUR_ALIASES.get(message.encoding, message.encoding)
    if message.step == row_bytes and not swap and encoding == message.encoding:
        return message
    return _packed(message, encoding, row_bytes, item_bytes if swap else 1)


def _check_length(message: Any, row_bytes: int, name: str) -> None:
    if message.step < row_bytes:
        raise FrameError(
            "data_length",
            f"{name}: expected a step of at least {row_bytes} bytes for width {message.width} in {message.encoding}, "
            f"found {message.step}; the driver fills the message wrongly",
        )
    expected = message.step * message.height
    if len(message.data) != expected:
        raise FrameError(
            "data_length",
            f"{name}: expected {expected} bytes (step {message.step} x height {message.height}), "
            f"found {len(message.data)}; the message was truncated or filled wrongly by its driver",
        )


def _packed(message: Any, encoding: str, row_bytes: int, swapped_bytes: int) -> Any:
    """A copy with rows lying back to back; `swapped_bytes` is the size of the items to turn round, 1 for none."""
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, :row_bytes]
    packed = np.ascontiguousarray(rows)
    if swapped_bytes > 1:
        packed = packed.view(f"u{swapped_bytes}").byteswap().view(np.uint8)
    return SimpleNamespace(
        height=message.height, width=message.width, encoding=encoding, step=row_bytes,
        is_bigendian=int(sys.byteorder == "big"), data=packed.tobytes(),
    )  # fmt: skip
