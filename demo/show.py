"""What the demo shows: the simulated panning camera, or a recording of the user's own."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from demo.calibrated import CalibratedRecording
from demo.panning import CAMERAS, PanningCamera
from demo.scene import load_scene
from depth_sr_ros.cameras.calibration import NAME, Calibration
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.relation import relate
from depth_sr_ros.recordings.opening import BAG_SUFFIXES, is_bag, open_recording
from depth_sr_ros.recordings.recording import Recording, Streams
from depth_sr_ros.recordings.reduced import ReducedRecording

RATE_HZ = 10.0
REDUCTION = 8
"""By how much depth of the colour image's size is reduced."""


@dataclass(frozen=True)
class Show:
    """A recording to publish, and what its results are compared with.

    Attributes:
        published: goes onto the topics, again and again.
        reference: the same frames with the depth that the output should have; None where nobody knows it.
        explanation: what is real and what is simulated, and what the error is measured against.
        simulated: whether the sensor depth is simulated.
        cameras: of depth that is not registered; None for registered depth.
    """

    published: Recording
    reference: Recording | None
    explanation: str
    simulated: bool
    cameras: Calibration | None = None


def open_show(bag: Path | None, cache: Path, rendered: Path) -> Show:
    """Opens the user's recording, or the demo's own scene where none is given.

    Args:
        bag: a bag or a folder of images; None for the demo's scene.
        cache: where the demo's scene is kept.
        rendered: where `prepare` leaves what the simulated depth camera sees.

    Raises:
        DemoError: the scene cannot be had.
        RecordingError: the recording cannot be read.
    """
    return _motorcycle(cache, rendered) if bag is None else _own(bag)


def prepare(show: Show, cache: Path, rendered: Path) -> None:
    """Renders what the simulated depth camera sees, which takes seconds; of a user's recording nothing has to be.

    Args:
        show: as opened.
        cache: where the demo's scene is kept.
        rendered: file to write.
    """
    if show.simulated:
        from demo.rounds import render_round  # loads numba, which the process that publishes does not need

        render_round(load_scene(cache), RATE_HZ, rendered)


def _motorcycle(cache: Path, rendered: Path) -> Show:
    scene = load_scene(cache)
    assert CAMERAS.depth is not None and CAMERAS.depth_to_colour is not None
    i, place = CAMERAS.depth.intrinsics, CAMERAS.depth_to_colour[:3, 3]
    explanation = (
        "Simulated from real ground truth: colour is a real photograph (Middlebury 2014 Motorcycle) seen through a "
        f"sliding window; raw depth ({i.width}x{i.height}) is what a time-of-flight camera {100 * place[0]:.0f} cm "
        "beside it would see through its own lens, with simulated sensor noise and holes. Errors are against the exact "
        "depth."
    )
    raw, truth = PanningCamera(scene, RATE_HZ, partial(np.load, rendered, mmap_mode="r")), PanningCamera(scene, RATE_HZ)
    return Show(raw, truth, explanation, True, CAMERAS)


def _own(bag: Path) -> Show:
    recording = open_recording(bag, _streams(bag))
    relation = relate(recording.evidence())
    if relation.kind == "unregistered":
        explanation = f"{recording.name}: {relation.reason}; no exact depth is known, so no error can be measured."
        assert relation.calibration is not None
        return Show(
            CalibratedRecording(recording, relation.calibration), None, explanation, False, relation.calibration
        )
    if relation.kind == "unknown" or not _depth_has_colour_size(recording):
        explanation = f"{recording.name}: depth as recorded; no exact depth is known, so no error can be measured."
        return Show(recording, None, explanation, simulated=False)
    explanation = (
        f"{recording.name}: its depth, which has the colour image's size, reduced x{REDUCTION} before it is published. "
        "Errors are against the sensor's own depth before that, noise and all."
    )
    return Show(ReducedRecording(recording, REDUCTION), recording, explanation, simulated=False)


def _streams(source: Path) -> Streams:
    """With the calibration that lies beside a bag's files; folders of images read it themselves."""
    folder = source if source.is_dir() else source.parent
    bags = is_bag(source) or (source.is_dir() and any(path.suffix in BAG_SUFFIXES for path in source.iterdir()))
    beside = folder / NAME
    return Streams(calibration=beside if bags and beside.is_file() else None)


def _depth_has_colour_size(recording: Recording) -> bool:
    shapes = {}
    for frame in recording.frames():
        if frame.stream not in shapes:
            with suppress(FrameError):  # the next one may be whole
                shapes[frame.stream] = frame.load()[0].shape[:2]
        if len(shapes) == 2:
            break
    return len(set(shapes.values())) == 1
