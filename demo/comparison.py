"""Compares the node's output with what is known of the scene, and with bicubic up-sampling of the same sensor depth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.bicubic import upsample_bicubic
from demo.show import Show
from depth_sr_ros.cameras.picture import Panel, Scale, compose, depth_panels, false_colours
from depth_sr_ros.recordings.recording import RecordedFrame, Recording
from depth_sr_ros.ros.replay import timeline


@dataclass(frozen=True)
class Compared:
    """One output frame beside what it was made of.

    Attributes:
        rgb: (H, W, 3) RGB.
        sensor: (h, w) metres, what was published.
        output: (H, W) metres, what the node made of it.
        truth: (H, W) metres, what it should be; None where nobody knows.
        bicubic: (H, W) metres, the baseline; None without a truth.
    """

    rgb: NDArray[np.uint8]
    sensor: NDArray[np.float32]
    output: NDArray[np.float32]
    truth: NDArray[np.float32] | None
    bicubic: NDArray[np.float32] | None

    def rmse(self, estimate: NDArray[np.float32]) -> float:
        """Root mean square error over the pixels valid in both output and truth, metres."""
        assert self.truth is not None
        known = np.isfinite(self.output) & np.isfinite(self.truth)
        return float(np.sqrt(np.mean(np.square(estimate[known] - self.truth[known], dtype=np.float64))))


def compare(show: Show, started_ns: int, outputs: dict[int, NDArray[np.float32]]) -> Iterator[Compared]:
    """Puts output frames beside their inputs, by stamp, in order of time.

    Args:
        show: what was published, in a loop.
        started_ns: time that its stamps count from.
        outputs: (H, W) metres by stamp in nanoseconds.
    """
    wanted = deque(sorted(outputs))
    references = _depth_frames(show.reference) if show.reference else None
    colour: RecordedFrame | None = None
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
                yield _beside(colour, frame, reference, output)


def rmse_of(frames: list[Compared]) -> dict[str, float] | None:
    """Mean over the frames of each frame's error, of output and baseline; None where no truth is known."""
    known = [(frame, frame.bicubic) for frame in frames if frame.bicubic is not None]
    if not known:
        return None
    return {
        "output": float(np.mean([frame.rmse(frame.output) for frame, _ in known])),
        "bicubic": float(np.mean([frame.rmse(bicubic) for frame, bicubic in known])),
    }


def picture(frame: Compared, title: str) -> NDArray[np.uint8]:
    """Colour, sensor depth, upsampled depth and its error; the error is left out where it is unknown.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    panels = depth_panels(frame.rgb, frame.sensor, frame.output)
    if frame.truth is None or frame.bicubic is None:
        return compose(panels, columns=3, title=title)
    error = np.abs(frame.output - frame.truth) * 1000
    scale = Scale(0, _round_up(float(np.nanpercentile(error, 95))), "mm", "error")
    output, bicubic = (1000 * frame.rmse(estimate) for estimate in (frame.output, frame.bicubic))
    caption = f"|error|: RMSE {output:.1f} mm (bicubic {bicubic:.1f} mm)"
    return compose([*panels, Panel(false_colours(error, scale), caption, scale)], columns=2, title=title)


def _round_up(value: float) -> float:
    """The next of 5, 10, 20, 50, 100 … (5 for NaN)."""
    steps = (step * 10.0**power for power in range(6) for step in (1, 2, 5))
    return next(step for step in steps if step >= 5 and not value > step)


def _beside(
    colour: RecordedFrame, depth: RecordedFrame, reference: RecordedFrame | None, output: NDArray[np.float32]
) -> Compared:
    rgb, sensor = colour.load()[0], depth.metres()
    truth = reference.metres() if reference else None
    bicubic = upsample_bicubic(sensor, (output.shape[0], output.shape[1])) if truth is not None else None
    return Compared(rgb, sensor, output, truth, bicubic)


def _in_time(recording: Recording) -> Iterator[tuple[int, RecordedFrame]]:
    for offset, frames in timeline(recording, loop=True):
        for frame in frames:
            yield offset, frame


def _depth_frames(recording: Recording) -> Iterator[RecordedFrame]:
    return (frame for _, frame in _in_time(recording) if frame.stream == "depth")
