"""Messages to arrays and back: the only place that knows image encodings and CameraInfo.

Images are decoded by cv_bridge where it is installed, else by rosbags-image, after our own checks; they are encoded
here. Colour is uint8 RGB (H, W, 3), depth float32 metres (H, W) with NaN invalid. Pixel centres lie at integers.
No incoming message is ever changed; arrays may be views that keep their message alive.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.rgbd.camera import Intrinsics
from depth_sr_ros.rgbd.depth import METRES_PER_UNIT, to_metres, to_millimetres
from depth_sr_ros.rgbd.errors import FrameError

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

Decoder = Callable[[Any, "str | None"], NDArray[Any]]
"""(image with the fields of sensor_msgs/Image, wanted encoding or None for as it is) -> array."""


@cache
def converter_name() -> str:
    """Which library decodes images on this machine: "cv_bridge" or "rosbags-image"."""
    try:
        import_module("cv_bridge")
    except Exception:  # not installed, or built for another numpy, which raises more than ImportError
        return "rosbags-image"
    return "cv_bridge"


def make_decoder(converter: str) -> Decoder:
    """The decoding function of a library.

    Args:
        converter: "cv_bridge" or "rosbags-image".

    Raises:
        ImportError: it is not installed; the message says what to install.
    """
    if converter == "cv_bridge":
        bridge = import_module("cv_bridge").CvBridge()
        return lambda image, wanted: bridge.imgmsg_to_cv2(image, wanted or "passthrough")
    try:
        return import_module("rosbags.image").image_to_cvimage  # type: ignore[no-any-return]
    except ImportError as error:
        raise ImportError(
            f"images: expected cv_bridge or rosbags-image to decode with, found neither usable ({error}); "
            "pip install rosbags-image, or sudo apt install ros-$ROS_DISTRO-cv-bridge"
        ) from error


class ImageDecoder:
    """Decodes colour and depth images.

    Args:
        depth_unit: metres per raw depth unit; 0 follows the encoding.
        converter: library that decodes, see `converter_name`; None takes the one of this machine.
    """

    def __init__(self, depth_unit: float = 0.0, converter: str | None = None) -> None:
        self._depth_unit = depth_unit
        self._decode = make_decoder(converter or converter_name())

    def colour(self, message: Image) -> NDArray[np.uint8]:
        """The colour image, uint8 RGB (H, W, 3).

        Raises:
            FrameError: `encoding`, `empty`, `data_length` or `unreadable`.
        """
        image = _checked(message, _COLOUR_BYTES, "colour image")
        rgb = self._decoded(image, "rgb8", "colour image")
        return np.ascontiguousarray(rgb, dtype=np.uint8)

    def depth(self, message: Image) -> NDArray[np.float32]:
        """The depth image, float32 metres (H, W), NaN invalid.

        Raises:
            FrameError: `encoding`, `empty`, `data_length` or `unreadable`.
        """
        image = _checked(message, _DEPTH_BYTES, "depth image")
        raw = self._decoded(image, None, "depth image")
        return to_metres(raw, message.encoding, self._depth_unit or None)

    def _decoded(self, image: Any, wanted: str | None, name: str) -> NDArray[Any]:
        try:
            return self._decode(image, wanted)
        except Exception as error:  # the libraries raise their own and OpenCV's types
            raise FrameError(
                "unreadable", f"{name}: expected a readable {image.encoding} image, found {error}; check the driver"
            ) from error


def _checked(message: Image, bytes_of: dict[str, tuple[int, int]], name: str) -> Any:
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
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, :row_bytes]
    packed = np.ascontiguousarray(rows)
    if swap:
        packed = packed.view(f"u{item_bytes}").byteswap().view(np.uint8)
    return SimpleNamespace(
        header=message.header, height=message.height, width=message.width, encoding=encoding, step=row_bytes,
        is_bigendian=int(sys.byteorder == "big"), data=packed.tobytes(),
    )  # fmt: skip


def _check_length(message: Image, row_bytes: int, name: str) -> None:
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


def to_image_message(pixels: NDArray[Any], encoding: str, header: Header) -> Image:
    """Encodes an array as it is.

    Args:
        pixels: (H, W) or (H, W, C), of the type that the encoding says.
        encoding: encoding of the message.
        header: header of the message; shared, not copied.
    """
    pixels = np.ascontiguousarray(pixels)
    data = array("B")
    # An ndarray or a memoryview handed to the setter is copied element by element, a thousand times slower.
    data.frombytes(pixels.reshape(-1).view(np.uint8).data)
    height, width = pixels.shape[:2]
    return Image(
        header=header, height=height, width=width, encoding=encoding, is_bigendian=int(sys.byteorder == "big"),
        step=pixels.strides[0], data=data,
    )  # fmt: skip


def to_colour_message(rgb: NDArray[np.uint8], header: Header) -> Image:
    """Encodes uint8 RGB (H, W, 3) as `rgb8`."""
    return to_image_message(rgb, "rgb8", header)


def to_depth_message(depth: NDArray[np.float32], encoding: str, header: Header) -> Image:
    """Encodes float32 metres (H, W), NaN invalid, as `32FC1` metres or `16UC1` millimetres.

    Raises:
        ValueError: another encoding.
    """
    if encoding == "32FC1":
        return to_image_message(depth.astype(np.float32, copy=False), encoding, header)
    if encoding == "16UC1":
        return to_image_message(to_millimetres(depth), encoding, header)
    raise ValueError(f"depth encoding: expected 32FC1 or 16UC1, found {encoding!r} (known: {sorted(METRES_PER_UNIT)})")


def to_validity_message(valid: NDArray[np.bool_], header: Header) -> Image:
    """Encodes bool (H, W) as `mono8`: 255 valid, 0 not."""
    return to_image_message(np.where(valid, np.uint8(255), np.uint8(0)), "mono8", header)


def stamp_ns(message: Any) -> int:
    """A message's header stamp in nanoseconds."""
    stamp = message.header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def output_header(rgb: Image, depth: Image) -> Header:
    """A new header for pixels on the colour grid measured at the depth frame's time."""
    return Header(stamp=depth.header.stamp, frame_id=rgb.header.frame_id)


def camera_info_for(source: CameraInfo, width: int, height: int, header: Header) -> CameraInfo:
    """The camera that an image has after resampling to another size, as a new message.

    Region of interest and binning are folded into K and P and reset; the distortion, which is in normalised
    coordinates, stays.

    Args:
        source: the camera's own message; not changed.
        width: new image width, pixels.
        height: new image height, pixels.
        header: header of the new message.
    """
    scale_x, shift_x = _axis(source.roi.width or source.width, source.roi.x_offset, source.binning_x, width)
    scale_y, shift_y = _axis(source.roi.height or source.height, source.roi.y_offset, source.binning_y, height)
    k, p = np.array(source.k).reshape(3, 3), np.array(source.p).reshape(3, 4)
    for matrix in (k, p):
        if matrix[2, 2] != 0:  # all zero means uncalibrated
            matrix[0], matrix[1] = _resampled(matrix[0], scale_x, shift_x), _resampled(matrix[1], scale_y, shift_y)
    return CameraInfo(
        header=header, width=width, height=height, distortion_model=source.distortion_model, d=list(source.d),
        k=k.reshape(-1), r=np.array(source.r), p=p.reshape(-1),
    )  # fmt: skip


def _axis(size: int, offset: int, binning: int, wanted: int) -> tuple[float, float]:
    """Scale and offset of one axis: new = (old - offset + 0.5) * scale - 0.5."""
    return (wanted / size if size else 1.0 / max(1, binning)), float(offset)


def _resampled(row: NDArray[np.float64], scale: float, offset: float) -> NDArray[np.float64]:
    new = row * scale
    new[2] = (row[2] - offset + 0.5) * scale - 0.5
    return new


def intrinsics_of(camera_info: CameraInfo) -> Intrinsics:
    """The pinhole camera of the images that come with this message, from K.

    Raises:
        ValueError: no size or no calibration in the message.
    """
    width = (camera_info.roi.width or camera_info.width) // max(1, camera_info.binning_x)
    height = (camera_info.roi.height or camera_info.height) // max(1, camera_info.binning_y)
    if not (width and height and camera_info.k[0] > 0 and camera_info.k[4] > 0):
        raise ValueError(
            f"camera_info: expected a size and a calibrated K, found {width}x{height} and K = {list(camera_info.k)}; "
            "calibrate the camera or give its intrinsics in a file"
        )
    k = camera_info_for(camera_info, width, height, camera_info.header).k
    return Intrinsics(width, height, float(k[0]), float(k[4]), float(k[2]), float(k[5]))


def to_camera_info(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """A rectified pinhole camera without distortion."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    return CameraInfo(
        header=header, width=intrinsics.width, height=intrinsics.height, distortion_model="plumb_bob", d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip
