"""Messages to arrays and back.

Images are decoded by cv_bridge where it is installed, else by rosbags-image, after the checks of
`recordings.raw_images`; they are encoded here. Colour is uint8 RGB (H, W, 3), depth float32 metres (H, W) with NaN
invalid. Pixel centres lie at integers. No incoming message is ever changed; arrays may be views that keep their message
alive.
"""

from __future__ import annotations

import sys
from array import array
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.cameras.camera import Intrinsics, resampled_matrices
from depth_sr_ros.cameras.depth import METRES_PER_UNIT, to_metres, to_millimetres
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.recordings.raw_images import Decoder, decode_colour, decode_depth


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
        return decode_colour(message, self._decode)

    def depth(self, message: Image) -> NDArray[np.float32]:
        """The depth image, float32 metres (H, W), NaN invalid.

        Raises:
            FrameError: `encoding`, `empty`, `data_length` or `unreadable`.
        """
        return to_metres(decode_depth(message, self._decode), message.encoding, self._depth_unit or None)


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
    k, p = resampled_matrices(source, width, height)
    return CameraInfo(
        header=header, width=width, height=height, distortion_model=source.distortion_model, d=list(source.d),
        k=k.reshape(-1), r=np.array(source.r), p=p.reshape(-1),
    )  # fmt: skip


def to_camera_info(intrinsics: Intrinsics, header: Header, lens: Lens | None = None) -> CameraInfo:
    """A camera whose images are not rectified; without distortion where no lens is given."""
    known = lens is not None and lens.coefficients
    model, d = (lens.model, list(lens.coefficients)) if lens is not None and known else ("plumb_bob", [0.0] * 5)
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    return CameraInfo(
        header=header, width=intrinsics.width, height=intrinsics.height, distortion_model=model, d=d,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0], r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )  # fmt: skip
