"""Pixels out of image messages as they lie in a bag: raw, compressed and compressedDepth.

Takes any object with the fields of sensor_msgs/Image or sensor_msgs/CompressedImage; needs no ROS. Raw images are
those that the node accepts, and become the same arrays.
"""

from __future__ import annotations

import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.image import image_to_cvimage

from depth_sr_ros.rgbd.depth import METRES_PER_UNIT
from depth_sr_ros.rgbd.errors import FrameError
from depth_sr_ros.rgbd.raw_images import decode_colour, decode_depth

_HEADER = struct.Struct("<iff")  # compression enum, depth quantisation A and B
_PNG_MAGIC = b"\x89PNG"


def is_compressed(message: Any) -> bool:
    """Whether a message is a sensor_msgs/CompressedImage."""
    return hasattr(message, "format")


def is_depth(message: Any) -> bool:
    """Whether a message holds depth, by its encoding or compression format."""
    if is_compressed(message):
        return "compressedDepth" in message.format
    return message.encoding in METRES_PER_UNIT


def colour_pixels(message: Any) -> NDArray[np.uint8]:
    """Colour image of a message, (H, W, 3) uint8 RGB.

    Raises:
        FrameError: cause `unreadable`, `encoding`, `data_length` or `empty`.
    """
    if is_compressed(message):
        return _decode(message.data, cv2.IMREAD_COLOR, message.format)[..., ::-1].copy()
    return decode_colour(message, image_to_cvimage)


def depth_pixels(message: Any) -> tuple[NDArray[Any], str]:
    """Depth image of a message and its encoding: (h, w) uint16 `16UC1` or float32 `32FC1`, in the encoding's unit.

    Raises:
        FrameError: cause `unreadable`, `encoding`, `data_length` or `empty`.
    """
    if is_compressed(message):
        return _compressed_depth(bytes(message.data), message.format)
    pixels = np.ascontiguousarray(decode_depth(message, image_to_cvimage))
    return pixels, "32FC1" if message.encoding == "32FC1" else "16UC1"


def _compressed_depth(data: bytes, description: str) -> tuple[NDArray[Any], str]:
    """Undoes image_transport's compressedDepth: a header of 12 bytes, then PNG.

    Metric depth is stored as quantised inverse depth, metres = A / (value - B), 0 for invalid.
    """
    if len(data) <= _HEADER.size:
        raise FrameError("data_length", f"compressed depth: expected a header and an image, found {len(data)} bytes")
    _, scale, offset = _HEADER.unpack_from(data)
    body = data[_HEADER.size :]
    if not body.startswith(_PNG_MAGIC):
        raise FrameError(
            "encoding",
            f"compressed depth {description!r}: expected PNG after the header, found something else (RVL?); "
            "record raw depth, or set the publisher's format to png",
        )
    pixels = _decode(body, cv2.IMREAD_UNCHANGED, description)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise FrameError("encoding", f"compressed depth: expected 16-bit grey, found {pixels.shape} {pixels.dtype}")
    if not description.startswith("32FC1"):
        return pixels, "16UC1"
    with np.errstate(divide="ignore"):
        metres = np.float32(scale) / (pixels.astype(np.float32) - np.float32(offset))
    return np.where(pixels > 0, metres, np.float32(np.nan)).astype(np.float32), "32FC1"


def _decode(data: Any, flags: int, description: str) -> NDArray[Any]:
    encoded = np.frombuffer(data, np.uint8)
    pixels = cv2.imdecode(encoded, flags) if encoded.size else None
    if pixels is None:
        raise FrameError("unreadable", f"compressed image {description!r}: {encoded.size} bytes cannot be decoded")
    return pixels
