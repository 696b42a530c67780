"""What the demo shows: the simulated panning camera, or a recording of the user's own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from demo.panning import FACTOR, PanningCamera
from demo.scene import load_scene
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.opening import open_recording
from depth_sr_ros.recordings.recording import Recording
from depth_sr_ros.recordings.reduced import ReducedRecording

RATE_HZ = 10.0


@dataclass(frozen=True)
class Show:
    """A recording to publish, and what its results are compared with.

    Attributes:
        published: goes onto the topics, again and again.
        reference: the same frames with the depth that the output should have; None where nobody knows it.
        explanation: what is real and what is simulated, and what the error is measured against.
        simulated: whether the sensor depth is simulated.
    """

    published: Recording
    reference: Recording | None
    explanation: str
    simulated: bool


def open_show(bag: Path | None, cache: Path) -> Show:
    """Opens the user's recording, or the demo's own scene where none is given.

    Args:
        bag: a bag or a folder of images; None for the demo's scene.
        cache: where the demo's scene is kept.

    Raises:
        DemoError: the scene cannot be had.
        RecordingError: the recording cannot be read.
    """
    return _motorcycle(cache) if bag is None else _own(bag)


def _motorcycle(cache: Path) -> Show:
    scene = load_scene(cache)
    explanation = (
        "Simulated from real ground truth: colour is a real photograph (Middlebury 2014 Motorcycle) seen through a "
        f"sliding window; sensor depth is its exact depth averaged over {FACTOR}x{FACTOR} pixels, with simulated "
        "sensor noise and holes. Errors are against the exact depth."
    )
    sensor, truth = (PanningCamera(scene, RATE_HZ, kind) for kind in ("sensor", "truth"))
    return Show(sensor, truth, explanation, simulated=True)


def _own(bag: Path) -> Show:
    recording = open_recording(bag)
    if not _depth_has_colour_size(recording):
        explanation = f"{recording.name}: depth as recorded; no exact depth is known, so no error can be measured."
        return Show(recording, None, explanation, simulated=False)
    explanation = (
        f"{recording.name}: its depth, which has the colour image's size, reduced x{FACTOR} before it is published. "
        "Errors are against the sensor's own depth before that, noise and all."
    )
    return Show(ReducedRecording(recording, FACTOR), recording, explanation, simulated=False)


def _depth_has_colour_size(recording: Recording) -> bool:
    shapes = {}
    for frame in recording.frames():
        if frame.stream not in shapes:
            with suppress(FrameError):  # the next one may be whole
                shapes[frame.stream] = frame.load()[0].shape[:2]
        if len(shapes) == 2:
            break
    return len(set(shapes.values())) == 1
