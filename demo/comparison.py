"""Compares the node's output with what is known of the scene, and with what else can be had of the same depth image."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.peers import PeerMethods, Peers
from demo.show import Show
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.recordings.recording import RecordedFrame, Recording
from depth_sr_ros.ros.replay import timeline

Depth = NDArray[np.float32]


@dataclass(frozen=True)
class Compared:
    """One output frame beside what it was made of.

    Attributes:
        rgb: (H, W, 3) RGB.
        raw: (h, w) metres, what was published.
        output: (H, W) metres, what the node made of it.
        peers: what else can be made of it.
        truth: (H, W) metres, what it should be; None where nobody knows.
        camera: of the colour image; None where it is not known.
    """

    rgb: NDArray[np.uint8]
    raw: Depth
    output: Depth
    peers: Peers
    truth: Depth | None
    camera: Camera | None = None

    def errors(self, estimate: Depth, where: Depth | None = None) -> Depth:
        """Absolute errors in metres, (n,), over the pixels valid in truth, output and, where it is given, `where`."""
        assert self.truth is not None
        known = np.isfinite(self.output) & np.isfinite(self.truth)
        if where is not None:
            known &= np.isfinite(where)
        return np.abs(estimate[known] - self.truth[known])

    def aligned_errors(self) -> Depth:
        """Absolute errors in metres, (n,), of the depth that a driver aligns, wherever it gives some."""
        assert self.truth is not None
        known = np.isfinite(self.peers.aligned) & np.isfinite(self.truth)
        return np.abs(self.peers.aligned[known] - self.truth[known])

    def coverage(self, estimate: Depth) -> float:
        """Share of the pixels with known truth that have a value."""
        assert self.truth is not None
        return float(np.isfinite(estimate)[np.isfinite(self.truth)].mean())

    def all_errors(self) -> dict[str, Depth]:
        """Errors of everything, by the names of `Accuracy`."""
        peers = self.peers
        return {
            "output": self.errors(self.output),
            "classical": self.errors(peers.classical),
            "bicubic": self.errors(peers.bicubic),
            "input": self.aligned_errors(),
            "output_where_input": self.errors(self.output, peers.aligned),
        }


@dataclass(frozen=True)
class Accuracy:
    """Mean over the frames of each frame's error, by name.

    `output`, `classical` and `bicubic` are scored on the same pixels: where output and truth have a value. `input` is
    depth as a driver aligns it, scored where it has a value; `output_where_input` is the output on those pixels.

    Attributes:
        rmse_m: root mean square error, metres.
        mae_m: mean absolute error, metres.
        coverage: share of the known scene that has a value, of `input` and `output`.
    """

    rmse_m: dict[str, float]
    mae_m: dict[str, float]
    coverage: dict[str, float]

    @classmethod
    def of(cls, frames: list[Compared]) -> Accuracy | None:
        """Accuracy over the frames whose truth is known; None where that is none."""
        known = [frame for frame in frames if frame.truth is not None]
        if not known:
            return None
        errors = [frame.all_errors() for frame in known]
        return cls(
            {name: float(np.mean([rms(found[name]) for found in errors])) for name in errors[0]},
            {name: float(np.mean([found[name].mean() for found in errors])) for name in errors[0]},
            {
                "input": float(np.mean([frame.coverage(frame.peers.aligned) for frame in known])),
                "output": float(np.mean([frame.coverage(frame.output) for frame in known])),
            },
        )


def rms(errors: Depth) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


def compare(show: Show, started_ns: int, outputs: dict[int, Depth]) -> Iterator[Compared]:
    """Puts output frames beside their inputs, by stamp, in order of time.

    Args:
        show: what was published, in a loop.
        started_ns: time that its stamps count from.
        outputs: (H, W) metres by stamp in nanoseconds.
    """
    wanted = deque(sorted(outputs))
    references = _depth_frames(show.reference) if show.reference else None
    colour: RecordedFrame | None = None
    beside = _Beside(show)
    for offset, frame in _in_time(show.published):
        while wanted and wanted[0] < started_ns + offset:
            wanted.popleft()  # no frame has this stamp
        if not wanted:
            return
        if frame.stream == "colour":
            colour = frame
            continue
        reference = next(references) if references else None
        if started_ns + offset == wanted[0]:
            output = outputs[wanted.popleft()]
            if colour is not None:
                yield beside(colour, frame, reference, output)


class _Beside:
    """Reads a frame's images and makes its peers; what those need is prepared once."""

    def __init__(self, show: Show) -> None:
        self._cameras = show.cameras
        self._methods: Callable[[NDArray[np.uint8], Depth], Peers] | None = None

    def __call__(
        self, colour: RecordedFrame, depth: RecordedFrame, reference: RecordedFrame | None, output: Depth
    ) -> Compared:
        rgb, raw = colour.load()[0], depth.metres()
        if self._methods is None:
            height, width = raw.shape
            self._methods = PeerMethods((rgb.shape[0], rgb.shape[1]), (height, width), self._cameras)
        truth = reference.metres() if reference else None
        return Compared(rgb, raw, output, self._methods(rgb, raw), truth, colour.camera)


def _in_time(recording: Recording) -> Iterator[tuple[int, RecordedFrame]]:
    for offset, frames in timeline(recording, loop=True):
        for frame in frames:
            yield offset, frame


def _depth_frames(recording: Recording) -> Iterator[RecordedFrame]:
    return (frame for _, frame in _in_time(recording) if frame.stream == "depth")
