"""Upsamples a whole recording without ROS: every pair of a folder or a bag, to PNG files or to a bag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.depth import to_millimetres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.picture import compose, depth_panels
from depth_sr_ros.engines import EngineError
from depth_sr_ros.offline.coverage import Coverage
from depth_sr_ros.recordings.image_files import write_image
from depth_sr_ros.recordings.recording import RecordedFrame, Recording, pair_frames
from depth_sr_ros.upsampler import UpsampledDepth, Upsampler


class Sink(Protocol):
    """Where upsampled frames go."""

    def write(self, colour: RecordedFrame, depth: RecordedFrame, result: UpsampledDepth) -> None:
        """Takes one result and the pair it was made of."""
        ...


_TENTHS = np.float32(10)  # of a millimetre in one
_SMALLEST_M, _LARGEST_M = np.float32(1e-4), np.float32(6.5534)  # that 16 bits hold in tenths of millimetres


class PngSink:
    """Writes 16-bit PNG millimetres, 0 invalid, one file a frame, named like its depth frame.

    Where live weights serve, their expected error lies beside it in `uncertainty/NAME.png`, beside a single file in
    `NAME_uncertainty.png`: tenths of a millimetre, 0 where there is no depth, 65534 for all that is larger.

    Args:
        target: a folder, made if missing; or a file name ending in .png for a single frame.
        frames: how many frames are to come at most, where that is known; 0 where it is not.

    Raises:
        ValueError: a file name for more than one frame.
    """

    def __init__(self, target: Path, frames: int = 0) -> None:
        self._target, self._single, self._written = target, target.suffix == ".png", False
        if frames > 1:
            self._refuse_file(f"a recording of {frames} depth frames")
        (target.parent if self._single else target).mkdir(parents=True, exist_ok=True)

    def write(self, colour: RecordedFrame, depth: RecordedFrame, result: UpsampledDepth) -> None:
        """Writes one file, complete or not at all, and the expected error's.

        Raises:
            ValueError: a second frame for a single file.
            OSError: it cannot be written.
        """
        if self._written:
            self._refuse_file("a second frame")
        self._written = True
        path = self._target if self._single else self._target / f"{depth.name}.png"
        write_image(path, to_millimetres(result.depth))
        if (uncertainty := result.uncertainty) is not None:
            write_image(self._beside(path), to_millimetres(np.clip(uncertainty, _SMALLEST_M, _LARGEST_M) * _TENTHS))

    def _beside(self, path: Path) -> Path:
        if self._single:
            return path.with_stem(f"{path.stem}_uncertainty")
        (path.parent / "uncertainty").mkdir(exist_ok=True)
        return path.parent / "uncertainty" / path.name

    def _refuse_file(self, found: str) -> None:
        if self._single:
            raise ValueError(
                f"{self._target}: expected one frame for one file, found {found}; give a folder, which gets a PNG for "
                "every frame"
            )


class BagSink:
    """Writes `depth/upsampled` (32FC1 metres, NaN invalid), `depth/camera_info` into a bag, as the node publishes them.

    Where live weights serve, `depth/uncertainty` too.

    Args:
        target: folder of the new bag.
        storage: `mcap` or `db3`.

    Raises:
        RecordingError: something is there already.
    """

    def __init__(self, target: Path, storage: str) -> None:
        from depth_sr_ros.recordings.bag_writer import BagWriter

        self._writer, self._frames = BagWriter(target, storage), 0

    def write(self, colour: RecordedFrame, depth: RecordedFrame, result: UpsampledDepth) -> None:
        """Writes the image with the depth frame's stamp, and its camera_info where the camera is known."""
        stamp, frame_id = depth.stamp_ns, colour.frame_id
        if colour.intrinsics is not None:
            height, width = result.depth.shape
            info: Intrinsics = colour.intrinsics.resized(width, height)
            lens = colour.camera.lens if colour.camera else None
            self._writer.write_camera_info("/depth/camera_info", stamp, frame_id, info, lens)
        self._writer.write_image("/depth/upsampled", stamp, frame_id, result.depth, "32FC1")
        if (uncertainty := result.uncertainty) is not None:
            self._writer.write_image("/depth/uncertainty", stamp, frame_id, uncertainty, "32FC1")
        self._frames += 1

    def close(self, complete: bool) -> None:
        """Gives the bag its name, or removes it, as it does where no frame was written.

        Args:
            complete: False for a recording that was abandoned half way.
        """
        if complete and self._frames:
            self._writer.close()
        else:
            self._writer.abort()


class PictureSink:
    """Writes a picture a frame: colour, sensor depth and upsampled depth side by side with one depth scale.

    Args:
        folder: made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, colour: RecordedFrame, depth: RecordedFrame, result: UpsampledDepth) -> None:
        """Writes one file."""
        rgb, _ = colour.load()
        panels = depth_panels(rgb.astype(np.uint8, copy=False), depth.metres(), result.depth)
        write_image(self._folder / f"{depth.name}.png", compose(panels, columns=3))


@dataclass
class UpsampleCounts:
    """What became of a recording.

    Attributes:
        frames: written.
        unpaired: colour and depth frames without a partner.
        failed: pairs that could not be used, by cause.
        reasons: the first explanation of every cause.
        coverage: how much of the colour image got depth.
    """

    frames: int = 0
    unpaired: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)

    def summary(self) -> str:
        """One line: what was written and what was not."""
        parts = [f"{self.frames} frames written"]
        parts += [f"{count} failed ({cause})" for cause, count in sorted(self.failed.items())]
        if self.unpaired:
            parts.append(f"{self.unpaired} frames without a partner")
        return ", ".join(parts)


def upsample_recording(
    recording: Recording,
    upsampler: Upsampler,
    sinks: list[Sink],
    slop_ns: int,
    progress: Callable[[UpsampleCounts], None] = lambda counts: None,
    cameras: Calibration | None = None,
) -> UpsampleCounts:
    """Upsamples every pair of a recording. A pair that cannot be used is counted by cause and skipped.

    Args:
        recording: colour and depth.
        upsampler: does the work.
        sinks: get every result.
        slop_ns: largest stamp distance within a pair, nanoseconds.
        progress: called after every pair.
        cameras: that the recording comes from, where its depth is not registered to colour.

    Raises:
        RecordingError: the recording is damaged beyond single frames.
        OSError: a result cannot be written.
    """
    counts, seen = UpsampleCounts(), Counter[str]()

    def counted(frame: RecordedFrame) -> RecordedFrame:
        seen[frame.stream] += 1
        return frame

    pairs = 0
    for colour, depth in pair_frames(map(counted, recording.frames()), slop_ns):
        pairs += 1
        try:
            rgb, _ = colour.load()
            metres = depth.metres()
            result = upsampler(rgb, metres, cameras) if cameras is not None else upsampler(rgb, metres)
        except (FrameError, EngineError) as error:
            cause = error.cause if isinstance(error, FrameError) else "engine_error"
            counts.failed[cause] += 1
            counts.reasons.setdefault(cause, str(error))
        else:
            for sink in sinks:
                sink.write(colour, depth, result)
            counts.frames += 1
            counts.coverage.add(metres, result)
        progress(counts)
    counts.unpaired = seen.total() - 2 * pairs
    return counts
