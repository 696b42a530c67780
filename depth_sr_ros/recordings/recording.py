"""Recordings: time-stamped colour and depth frames with their intrinsics, from image files or bags. No ROS.

A recording yields frames in the order of their stamps and reads pixels only when asked, so one damaged frame spoils
neither the listing nor the frames after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import Calibration, extrinsics, read_calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.relation import Evidence
from depth_sr_ros.cameras.transforms import Matrix
from depth_sr_ros.recordings.pairing import StampPairing

Stream = Literal["colour", "depth"]


class RecordingError(ValueError):
    """A recording that cannot be read: says what was expected, what was found and what to change."""


class DamagedRecordingError(RecordingError):
    """A recording that cannot be read to its end, of which a part can perhaps still be had."""


def _no_jpeg() -> bytes | None:
    return None


@dataclass(frozen=True)
class RecordedFrame:
    """One image of a recording; its pixels are read by `load`.

    Attributes:
        stream: which of the two cameras' images it is.
        name: what to call it among its neighbours: the stem of its file, or its stamp.
        stamp_ns: time of exposure, nanoseconds.
        frame_id: name of the optical frame.
        intrinsics: of this image's grid; None where the recording does not tell.
        load: returns (pixels, encoding): (H, W, 3) uint8 RGB and `rgb8`, or (h, w) depth in the unit of its encoding,
            `16UC1` or `32FC1`. Raises FrameError for an image that cannot be used.
        jpeg: returns the JPEG file that the pixels come from, None where there is none.
        camera: as `intrinsics`, with the lens; None where that is not known.
    """

    stream: Stream
    name: str
    stamp_ns: int
    frame_id: str
    intrinsics: Intrinsics | None
    load: Callable[[], tuple[NDArray[Any], str]]
    jpeg: Callable[[], bytes | None] = _no_jpeg
    camera: Camera | None = None

    def metres(self, unit: float | None = None) -> NDArray[np.float32]:
        """Depth, (h, w) float32 metres, NaN where invalid.

        Args:
            unit: metres per raw unit; None or 0 follows the encoding.

        Raises:
            FrameError: the image cannot be used, or is no depth image.
        """
        return to_metres(*self.load(), unit)


class Recording(Protocol):
    """What every kind of recording offers.

    Attributes:
        name: how to call it in messages.
        rate_hz: depth frames a second, as recorded.
        depth_count: how many depth frames there are.
        notes: what a user should know about how it was read, one sentence each.
    """

    name: str
    rate_hz: float
    depth_count: int
    notes: tuple[str, ...]

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, ordered by stamp; colour before depth where stamps are equal."""
        ...

    def evidence(self) -> Evidence:
        """What it tells about how depth lies to colour; `cameras.relation.relate` decides by it."""
        ...


@dataclass(frozen=True)
class Streams:
    """Where a recording keeps what, for those whose layout cannot be guessed; None leaves it to the reader.

    Attributes:
        rgb: topic of the colour image (bag), or sub-folder (folder of images).
        depth: topic or sub-folder of the depth image.
        rgb_info: CameraInfo topic of the colour camera; bags only.
        depth_info: CameraInfo topic of the depth image; bags only.
        intrinsics: fx, fy, cx, cy of the colour image in pixels.
        calibration: file that says which cameras the images come from, as `cameras.calibration` describes; it stands
            for whatever the recording itself says.
        depth_to_colour: x y z qx qy qz qw of the motion that takes points, in metres, from the depth camera's optical
            frame to the colour camera's.
        depth_unit: metres per raw depth unit; None follows the recording.
    """

    rgb: str | None = None
    depth: str | None = None
    rgb_info: str | None = None
    depth_info: str | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    calibration: Path | None = None
    depth_to_colour: tuple[float, ...] | None = None
    depth_unit: float | None = None

    def known_cameras(self) -> Calibration | None:
        """What the calibration file says; None where none is given.

        Raises:
            RecordingError: it cannot be used; the message names file and cause.
        """
        return None if self.calibration is None else cameras_in(self.calibration)

    def motion(self) -> Matrix | None:
        """The matrix of `depth_to_colour`, None where it is not given.

        Raises:
            RecordingError: it is no rigid motion.
        """
        try:
            return None if self.depth_to_colour is None else extrinsics(self.depth_to_colour)
        except ValueError as error:
            raise RecordingError(str(error)) from error


def cameras_in(path: Path) -> Calibration:
    """Reads a `calibration.json`.

    Raises:
        RecordingError: it cannot be used; the message names file and cause.
    """
    try:
        return read_calibration(path)
    except (OSError, ValueError) as error:
        raise RecordingError(str(error)) from error


def pair_frames(
    frames: Iterable[RecordedFrame], slop_ns: int, queue_size: int = 10
) -> Iterator[tuple[RecordedFrame, RecordedFrame]]:
    """Pairs frames by stamp, as the node does: (colour, depth).

    Args:
        frames: both streams, in order of stamps.
        slop_ns: largest distance of the stamps of a pair, inclusive.
        queue_size: frames a stream may hold while it waits for its partner.
    """
    pairing = StampPairing(slop_ns, queue_size)
    for frame in frames:
        pair = pairing.add(0 if frame.stream == "colour" else 1, frame.stamp_ns, frame)
        if pair is not None:
            yield pair
