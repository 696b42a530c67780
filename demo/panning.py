"""A panning camera over one still scene: a 640x480 window that slides smoothly over the larger image.

All windows are read as images of one camera with its principal point in the middle, so the cameras' calibration stays
as it is while they pan. Where the window lies off the middle, the scene that such an image shows is the real one
sheared sideways by up to 3 degrees, at the same distances. Both cameras see that same scene, so each frame is exact.
It is a simulation from one real photograph and its real ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.depth_camera import DEPTH_CAMERA, DEPTH_TO_COLOUR
from demo.scene import FOCAL_PX, PRINCIPAL_POINT_PX, SIZE, Scene
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.relation import Evidence
from depth_sr_ros.recordings.recording import RecordedFrame, Stream

WIDTH, HEIGHT = 640, 480
PERIOD_S = 10.0
COLOUR_FRAME, DEPTH_FRAME = "demo_colour_optical_frame", "demo_depth_optical_frame"

_SPARE = SIZE[1] - WIDTH, SIZE[0] - HEIGHT


def _window_of(left: float, top: float, width: int, height: int) -> Camera:
    cx, cy = PRINCIPAL_POINT_PX
    return Camera(Intrinsics(width, height, FOCAL_PX, FOCAL_PX, cx - left, cy - top))


COLOUR_CAMERA = _window_of(_SPARE[0] / 2, _SPARE[1] / 2, WIDTH, HEIGHT)
"""The colour camera."""

CAMERAS = Calibration(COLOUR_CAMERA, DEPTH_CAMERA, DEPTH_TO_COLOUR)
"""Both cameras and how they are related."""


class PanningCamera:
    """One round of the camera's path as a recording; the end joins the start.

    Args:
        scene: what it looks at; at least as large as the window.
        rate_hz: frames a second.
        raw: gives the depth camera's own images of a round, (n, h, w) uint16 millimetres, 0 invalid; None gives the
            exact depth on the colour image's pixels instead.
    """

    def __init__(self, scene: Scene, rate_hz: float, raw: Callable[[], NDArray[np.uint16]] | None = None) -> None:
        self.name, self.rate_hz = "Motorcycle (Middlebury 2014), simulated panning camera", rate_hz
        self.depth_count = frames_in_round(rate_hz)
        self.notes: tuple[str, ...] = ()
        self._scene, self._raw = scene, raw

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, colour before depth."""
        for index in range(self.depth_count):
            yield self._frame("colour", index)
            yield self._frame("depth", index)

    def evidence(self) -> Evidence:
        """Raw depth lies in a camera of its own, whose place is known; exact depth is registered."""
        if self._raw is None:
            return Evidence(frames=(COLOUR_FRAME, COLOUR_FRAME))
        return Evidence(
            COLOUR_CAMERA.size, DEPTH_CAMERA.size, COLOUR_CAMERA, DEPTH_CAMERA, frames=(COLOUR_FRAME, DEPTH_FRAME),
            depth_to_colour=DEPTH_TO_COLOUR, extrinsics_source="the demo",
        )  # fmt: skip

    def _frame(self, stream: Stream, index: int) -> RecordedFrame:
        own = stream == "depth" and self._raw is not None
        camera, frame_id = (DEPTH_CAMERA, DEPTH_FRAME) if own else (COLOUR_CAMERA, COLOUR_FRAME)
        stamp = round(index * 1e9 / self.rate_hz)

        def load() -> tuple[NDArray[Any], str]:
            return self._pixels(stream, index)

        return RecordedFrame(stream, str(index), stamp, frame_id, camera.intrinsics, load, camera=camera)

    def _pixels(self, stream: Stream, index: int) -> tuple[NDArray[Any], str]:
        left, top = offset(index, self.depth_count)
        window = (slice(top, top + HEIGHT), slice(left, left + WIDTH))
        if stream == "colour":
            return self._scene.rgb[window], "rgb8"
        return (self._scene.depth[window], "32FC1") if self._raw is None else (self._raw()[index], "16UC1")


def frames_in_round(rate_hz: float) -> int:
    """Frames of one round."""
    return max(1, round(PERIOD_S * rate_hz))


def offset(index: int, count: int) -> tuple[int, int]:
    """Left and top edge of the window in frame `index` of `count`, whole pixels of the scene's image."""
    angle = 2 * math.pi * index / count
    return round(_SPARE[0] * (1 - math.cos(angle)) / 2), round(_SPARE[1] * (1 - math.cos(2 * angle)) / 2)


def scene_camera(left: int, top: int) -> Camera:
    """The colour camera with a larger chip that shows all of the scene, for a window at `left` and `top`."""
    return _window_of(_SPARE[0] / 2 - left, _SPARE[1] / 2 - top, SIZE[1], SIZE[0])
