"""Makes a bag of a folder of images with calibration, so that everything can be tried without a camera.

The bag has the topics that the node listens to. Depth may be registered to the colour images, or lie in a depth camera
of its own; then `calibration.json` (see `cameras.calibration`) tells how the two are related, and the bag gets two
camera_infos, with distortion, and /tf_static.
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

from depth_sr_ros.cameras.calibration import NAME
from depth_sr_ros.cameras.relation import named_registered
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.image_files import DEPTH_FRAME_ID, FRAME_ID, FolderRecording
from depth_sr_ros.recordings.recording import RecordedFrame, RecordingError, Streams, pair_frames

COLOUR_TOPIC, COLOUR_INFO = "/rgb/image", "/rgb/camera_info"
DEPTH_TOPIC, DEPTH_INFO = "/depth_raw/image", "/depth_raw/camera_info"
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
    recording = FolderRecording(Path(folder), Streams(depth=request.depth))
    to_colour = recording.evidence().depth_to_colour
    if to_colour is None and (Path(folder) / NAME).is_file():
        _check_name(Path(folder) / NAME, request.depth)
    pairs = islice(pair_frames(recording.frames(), 0), request.first, request.first + request.count or None)
    written = 0
    with BagWriter(Path(out), request.storage) as bag:
        if to_colour is not None:
            bag.write_static_transform(START_NS, FRAME_ID, DEPTH_FRAME_ID, to_colour)
        for colour, depth in _stamped(pairs):
            _write_pair(bag, colour, depth, request.compressed)
            written += 1
        if not written:
            raise RecordingError(
                f"{folder}: expected images from number {request.first} on, found {recording.depth_count} in all"
            )
    return MadeBag(written, recording.notes)


def _check_name(calibration: Path, depth: str | None) -> None:
    if depth is not None and not named_registered(depth):
        raise RecordingError(
            f"{calibration}: {depth}/ is not registered by its name: expected depth_camera and depth_to_colour, found "
            "only colour_camera"
        )


def _stamped(
    pairs: Iterator[tuple[RecordedFrame, RecordedFrame]],
) -> Iterator[tuple[RecordedFrame, RecordedFrame]]:
    for pair in pairs:
        # times in file names are of this century, indices are not
        shift = 0 if pair[0].stamp_ns > START_NS // 2 else START_NS
        colour, depth = (replace(frame, stamp_ns=frame.stamp_ns + shift) for frame in pair)
        yield colour, depth


def _write_pair(bag: BagWriter, colour: RecordedFrame, depth: RecordedFrame, compressed: bool) -> None:
    for topic, frame in ((COLOUR_INFO, colour), (DEPTH_INFO, depth)):
        if frame.camera is not None:
            camera = frame.camera
            bag.write_camera_info(topic, frame.stamp_ns, frame.frame_id, camera.intrinsics, camera.lens)
    rgb, (raw, encoding) = colour.load()[0], depth.load()
    if not compressed:
        bag.write_image(COLOUR_TOPIC, colour.stamp_ns, colour.frame_id, rgb, "rgb8")
        bag.write_image(DEPTH_TOPIC, depth.stamp_ns, depth.frame_id, raw, encoding)
        return
    if encoding != "16UC1":
        raise RecordingError(f"{depth.name}: compressed depth needs millimetres, found {encoding}; drop --compressed")
    jpeg = colour.jpeg()
    data, kind = (jpeg, "jpeg") if jpeg else (_png(rgb[..., ::-1]), "png")
    description = f"rgb8; {kind} compressed bgr8"
    bag.write_compressed(f"{COLOUR_TOPIC}/compressed", colour.stamp_ns, colour.frame_id, data, description)
    data = _COMPRESSED_DEPTH_HEADER + _png(raw)
    bag.write_compressed(
        f"{DEPTH_TOPIC}/compressedDepth", depth.stamp_ns, depth.frame_id, data, "16UC1; compressedDepth png"
    )


def _png(pixels: NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels))[1].tobytes())
