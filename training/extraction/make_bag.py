"""Makes a bag of a folder of images with calibration, so that everything can be tried without a camera.

The bag has the topics that the node listens to. Depth may be registered to the colour images, or lie in a depth camera
of its own; then `calibration.json` (`depth_sr_ros.cameras.calibration`) tells how the two are related, and the bag gets
two camera_infos and /tf_static.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import NAME, read_calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.recordings.bag import named_registered
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.image_files import FolderRecording
from depth_sr_ros.recordings.recording import RecordedFrame, RecordingError, Streams, pair_frames

COLOUR_TOPIC, COLOUR_INFO = "/rgb/image", "/rgb/camera_info"
DEPTH_TOPIC, DEPTH_INFO = "/depth_raw/image", "/depth_raw/camera_info"
COLOUR_FRAME, DEPTH_FRAME = "camera_color_optical_frame", "camera_depth_optical_frame"
START_NS = 1_700_000_000_000_000_000
"""Stamp of the first image where file names tell no times: always the same, and not 0, which ROS reads as unset."""

_COMPRESSED_DEPTH_HEADER = struct.pack("<iff", 0, 0.0, 0.0)


@dataclass(frozen=True)
class BagRequest:
    """What to put into a bag.

    Attributes:
        depth: sub-folder of the depth images; None takes `depth` or `depth_registered`.
        storage: `mcap` or `db3`.
        compressed: write compressed topics, JPEG colour files as they are.
        first: number of the first image taken.
        count: how many are taken; 0 takes all that follow.
    """

    depth: str | None = None
    storage: str = "mcap"
    compressed: bool = False
    first: int = 0
    count: int = 0


@dataclass(frozen=True)
class _Cameras:
    colour: Camera | None
    depth: Camera | None
    to_colour: NDArray[np.float64] | None


@dataclass(frozen=True)
class MadeBag:
    """How many pairs a new bag holds, and what a user should know about where they came from."""

    pairs: int
    notes: tuple[str, ...]


def make_bag(folder: Path, out: Path, request: BagRequest | None = None) -> MadeBag:
    """Writes a bag of a folder laid out as `depth_sr_ros.recordings.image_files.FolderRecording` says.

    Args:
        folder: holds `rgb/`, `depth/` and a calibration.
        out: folder of the new bag; must not exist. It appears when it is complete.
        request: which images, and how to write them.

    Raises:
        RecordingError: folder, calibration or `out` cannot be used; the message says why.
        FrameError: an image cannot be read.
        OSError: the bag cannot be written, as on a full disk; nothing is left.
    """
    request = request or BagRequest()
    cameras = _cameras(Path(folder), request.depth)
    recording = FolderRecording(Path(folder), _streams(cameras, request.depth))
    pairs = islice(pair_frames(recording.frames(), 0), request.first, request.first + request.count or None)
    written = 0
    with BagWriter(Path(out), request.storage) as bag:
        if cameras.to_colour is not None:
            bag.write_static_transform(START_NS, COLOUR_FRAME, DEPTH_FRAME, cameras.to_colour)
        for colour, depth in _stamped(pairs):
            _write_pair(bag, colour, depth, cameras, request.compressed)
            written += 1
        if not written:
            raise RecordingError(
                f"{folder}: expected images from number {request.first} on, found {recording.depth_count} in all"
            )
    return MadeBag(written, recording.notes)


def _streams(cameras: _Cameras, depth: str | None) -> Streams:
    colour = cameras.colour.intrinsics if cameras.colour else None
    return Streams(depth=depth, intrinsics=(colour.fx, colour.fy, colour.cx, colour.cy) if colour else None)


def _stamped(
    pairs: Iterator[tuple[RecordedFrame, RecordedFrame]],
) -> Iterator[tuple[RecordedFrame, RecordedFrame]]:
    for pair in pairs:
        # times in file names are of this century, indices are not
        shift = 0 if pair[0].stamp_ns > START_NS // 2 else START_NS
        colour, depth = (replace(frame, stamp_ns=frame.stamp_ns + shift) for frame in pair)
        yield colour, depth


def _write_pair(
    bag: BagWriter, colour: RecordedFrame, depth: RecordedFrame, cameras: _Cameras, compressed: bool
) -> None:
    depth_frame = COLOUR_FRAME if cameras.to_colour is None else DEPTH_FRAME
    for topic, frame, camera, frame_id in (
        (COLOUR_INFO, colour, cameras.colour or colour.intrinsics, COLOUR_FRAME),
        (DEPTH_INFO, depth, cameras.depth or depth.intrinsics, depth_frame),
    ):
        if camera is not None:
            intrinsics, lens = (camera, None) if isinstance(camera, Intrinsics) else (camera.intrinsics, camera.lens)
            bag.write_camera_info(topic, frame.stamp_ns, frame_id, intrinsics, lens)
    rgb, (raw, encoding) = colour.load()[0], depth.load()
    if not compressed:
        bag.write_image(COLOUR_TOPIC, colour.stamp_ns, COLOUR_FRAME, rgb, "rgb8")
        bag.write_image(DEPTH_TOPIC, depth.stamp_ns, depth_frame, raw, encoding)
        return
    if encoding != "16UC1":
        raise RecordingError(f"{depth.name}: compressed depth needs millimetres, found {encoding}; drop --compressed")
    jpeg = colour.jpeg()
    data, kind = (jpeg, "jpeg") if jpeg else (_png(rgb[..., ::-1]), "png")
    description = f"rgb8; {kind} compressed bgr8"
    bag.write_compressed(f"{COLOUR_TOPIC}/compressed", colour.stamp_ns, COLOUR_FRAME, data, description)
    data = _COMPRESSED_DEPTH_HEADER + _png(raw)
    bag.write_compressed(
        f"{DEPTH_TOPIC}/compressedDepth", depth.stamp_ns, depth_frame, data, "16UC1; compressedDepth png"
    )


def _png(pixels: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes())


def _cameras(folder: Path, depth: str | None) -> _Cameras:
    """What calibration.json says about the chosen depth images; nothing where there is none."""
    path = folder / NAME
    if not path.is_file():
        return _Cameras(None, None, None)
    try:
        known = read_calibration(path)
    except ValueError as error:
        raise RecordingError(str(error)) from error
    if depth is None or named_registered(depth):
        return _Cameras(known.colour, None, None)
    if known.depth is None:
        raise RecordingError(
            f"{path}: {depth}/ is not registered by its name: expected depth_camera and depth_to_colour, found only "
            "colour_camera"
        )
    return _Cameras(known.colour, known.depth, known.depth_to_colour)
