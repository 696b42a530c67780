"""Recordings: time-stamped colour and depth frames with their intrinsics, from image files or bags. No ROS.

A recording yields frames in the order of their stamps and reads pixels only when asked, so one damaged frame spoils
neither the listing nor the frames after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.grids import reduce_to_grid
from depth_sr_ros.recordings.pairing import StampPairing

Stream = Literal["colour", "depth"]
BAG_SUFFIXES = (".mcap", ".db3", ".bag")
"""File endings that are read as bags."""


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
    """

    stream: Stream
    name: str
    stamp_ns: int
    frame_id: str
    intrinsics: Intrinsics | None
    load: Callable[[], tuple[NDArray[Any], str]]
    jpeg: Callable[[], bytes | None] = _no_jpeg

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


@dataclass(frozen=True)
class Streams:
    """Where a recording keeps what, for those whose layout cannot be guessed; None leaves it to the reader.

    Attributes:
        rgb: topic of the colour image (bag), or sub-folder (folder of images).
        depth: topic or sub-folder of the depth image registered to it.
        rgb_info: CameraInfo topic of the colour camera; bags only.
        depth_info: CameraInfo topic of the depth image; bags only.
        intrinsics: fx, fy, cx, cy of the colour image in pixels.
    """

    rgb: str | None = None
    depth: str | None = None
    rgb_info: str | None = None
    depth_info: str | None = None
    intrinsics: tuple[float, float, float, float] | None = None


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


class ReducedRecording:
    """A recording whose depth is made coarse, to look like the sensor that a dense recording did not have.

    Each coarse pixel is the lower median of the valid pixels it covers, never an average across an edge.

    Args:
        recording: where frames come from.
        factor: colour size / wanted depth size, at least 2.
    """

    def __init__(self, recording: Recording, factor: int) -> None:
        if factor < 2:
            raise RecordingError(f"reduction: expected a whole number of at least 2, found {factor}")
        self._recording, self._factor = recording, factor
        self.name, self.rate_hz, self.depth_count = recording.name, recording.rate_hz, recording.depth_count
        self.notes = (*recording.notes, f"depth reduced x{factor} by the median of valid pixels")

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, depth reduced."""
        for frame in self._recording.frames():
            yield frame if frame.stream == "colour" else self._reduced(frame)

    def _reduced(self, frame: RecordedFrame) -> RecordedFrame:
        def load() -> tuple[NDArray[Any], str]:
            depth = frame.metres()
            grid = self._grid(*depth.shape)
            extent = grid[0] * self._factor / depth.shape[0], grid[1] * self._factor / depth.shape[1]
            return reduce_to_grid(depth, grid, extent), "32FC1"

        known = frame.intrinsics
        if known is not None:
            height, width = self._grid(known.height, known.width)
            # cells are `factor` pixels large in any case; the last ones may reach beyond the image
            whole = replace(known, height=height * self._factor, width=width * self._factor)
            known = whole.resized(width, height)
        return replace(frame, intrinsics=known, load=load)

    def _grid(self, height: int, width: int) -> tuple[int, int]:
        return -(-height // self._factor), -(-width // self._factor)


def is_bag(source: Path) -> bool:
    """Whether a path is a bag: a bag file, or a folder that holds a bag's metadata."""
    return source.suffix in BAG_SUFFIXES or (source / "metadata.yaml").is_file()


def open_recording(source: Path, streams: Streams | None = None) -> Recording:
    """Opens a bag or a folder of images.

    Args:
        source: a bag (folder or file), or a folder laid out as `FolderRecording` says.
        streams: what cannot be guessed.

    Raises:
        RecordingError: nothing readable there; the message says what was expected.
    """
    source, streams = Path(source), streams or Streams()
    if not source.exists():
        raise RecordingError(f"{source}: no such file or folder; expected a bag or a folder with rgb/ and depth/")
    if is_bag(source):
        return _open_bag(source, streams)
    if source.is_dir():
        bags = sorted(path for path in source.iterdir() if path.suffix in BAG_SUFFIXES)
        if bags:
            return open_recording(bags[0], streams) if len(bags) == 1 else _refuse_several(source, bags)
        from depth_sr_ros.recordings.image_files import FolderRecording

        return FolderRecording(source, streams)
    raise RecordingError(
        f"{source}: expected a bag ({', '.join(BAG_SUFFIXES)}) or a folder, found a {source.suffix or 'plain'} file; "
        "give single images by --rgb and --depth"
    )


def _open_bag(source: Path, streams: Streams) -> Recording:
    try:
        from depth_sr_ros.recordings.bag import BagRecording
    except ImportError as error:
        raise RecordingError(
            f"{source}: bags are read through rosbags, which is not installed ({error}); "
            "pip install rosbags rosbags-image"
        ) from error
    return BagRecording(source, streams)


def _refuse_several(source: Path, bags: list[Path]) -> Recording:
    raise RecordingError(
        f"{source}: found {len(bags)} bag files and no metadata.yaml to join them; give one of them, e.g. {bags[0]}"
    )
