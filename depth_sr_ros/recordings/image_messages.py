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

from depth_sr_ros.cameras.depth import METRES_PER_UNIT
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.raw_images import decode_colour, decode_depth
from depth_sr_ros.recordings.rvl import decode_rvl

_HEADER = struct.Struct("<iff")  # compression enum, depth quantisation A and B
_SIZE = struct.Struct("<II")  # width and height, before RVL
_PNG_MAGIC, _JPEG_MAGIC = b"\x89PNG", b"\xff\xd8\xff"
_LONGEST_SIDE = 16384


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


def jpeg_bytes(message: Any) -> bytes | None:
    """The JPEG file inside a compressed colour message, which need not be compressed again; None for anything else."""
    if not is_compressed(message):
        return None
    data = bytes(message.data)
    return data if data.startswith(_JPEG_MAGIC) else None


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
    """Undoes image_transport's compressedDepth: a header of 12 bytes, then PNG, or width, height and RVL.

    Metric depth is stored as quantised inverse depth, metres = A / (value - B), 0 for invalid.
    """
    if len(data) <= _HEADER.size:
        raise FrameError("data_length", f"compressed depth: expected a header and an image, found {len(data)} bytes")
    _, scale, offset = _HEADER.unpack_from(data)
    pixels = _depth_values(data[_HEADER.size :], description)
    if not description.startswith("32FC1"):
        return pixels, "16UC1"
    with np.errstate(divide="ignore"):
        metres = np.float32(scale) / (pixels.astype(np.float32) - np.float32(offset))
    return np.where(pixels > 0, metres, np.float32(np.nan)).astype(np.float32), "32FC1"


def _depth_values(body: bytes, description: str) -> NDArray[np.uint16]:
    if "rvl" in description.lower():
        return _rvl_values(body)
    if not body.startswith(_PNG_MAGIC):
        raise FrameError(
            "encoding",
            f"compressed depth {description!r}: expected PNG after the header, found something else; "
            "record raw depth, or set the publisher's format to png or rvl",
        )
    pixels = _decode(body, cv2.IMREAD_UNCHANGED, description)
    if pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise FrameError("encoding", f"compressed depth: expected 16-bit grey, found {pixels.shape} {pixels.dtype}")
    return pixels


def _rvl_values(body: bytes) -> NDArray[np.uint16]:
    if len(body) < _SIZE.size:
        raise FrameError("data_length", f"RVL depth: expected a width and a height, found {len(body)} bytes")
    width, height = _SIZE.unpack_from(body)
    # no code is shorter than two nibbles for the whole image, so the size itself has to be judged
    if not 0 < width <= _LONGEST_SIDE or not 0 < height <= _LONGEST_SIDE:
        raise FrameError(
            "data_length", f"RVL depth: expected sides of 1 to {_LONGEST_SIDE} pixels, found {width}x{height}; "
            "the message is damaged"
        )  # fmt: skip
    return decode_rvl(body[_SIZE.size :], width * height).reshape(height, width)


def _decode(data: Any, flags: int, description: str) -> NDArray[Any]:
    encoded = np.frombuffer(data, np.uint8)
    found = f"compressed image {description!r}: {encoded.size} bytes cannot be decoded"
    try:
        pixels = cv2.imdecode(encoded, flags) if encoded.size else None
    except cv2.error as error:  # such as a header that claims more pixels than OpenCV takes
        raise FrameError("unreadable", f"{found}: {str(error).strip()}") from error
    if pixels is None:
        raise FrameError("unreadable", found)
    return pixels
