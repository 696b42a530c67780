"""A panning camera over one still scene: a 640x480 window that slides smoothly over the larger image.

A window of an image is what the same camera with a smaller chip would see: focal lengths stay and the principal point
moves with the window. There is no parallax; it is a simulation from one real photograph and its real ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

from numpy.typing import NDArray

from demo.scene import Scene
from demo.sensor import simulate_sensor
from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.relation import Evidence
from depth_sr_ros.recordings.recording import RecordedFrame, Stream

WIDTH, HEIGHT, FACTOR = 640, 480, 8
PERIOD_S = 10.0
FRAME_ID = "demo_camera"
DepthKind = Literal["sensor", "truth"]


class PanningCamera:
    """One round of the camera's path as a recording; the end joins the start.

    Args:
        scene: what it looks at; at least as large as the window.
        rate_hz: frames a second.
        depth: `sensor` gives the simulated coarse measurement, `truth` the exact depth at the colour's size.
    """

    def __init__(self, scene: Scene, rate_hz: float, depth: DepthKind) -> None:
        self.name, self.rate_hz = "Motorcycle (Middlebury 2014), simulated panning camera", rate_hz
        self.depth_count = max(1, round(PERIOD_S * rate_hz))
        self.notes: tuple[str, ...] = ()
        self._scene, self._depth = scene, depth

    def frames(self) -> Iterator[RecordedFrame]:
        """All frames once, colour before depth."""
        for index in range(self.depth_count):
            yield self._frame("colour", index)
            yield self._frame("depth", index)

    def evidence(self) -> Evidence:
        """Depth is registered: it is cut out of the same photograph."""
        return Evidence(frames=(FRAME_ID, FRAME_ID))

    def _frame(self, stream: Stream, index: int) -> RecordedFrame:
        left, top = self.offset(index)
        known = self._scene.intrinsics
        camera = Intrinsics(WIDTH, HEIGHT, known.fx, known.fy, known.cx - left, known.cy - top)
        if stream == "depth" and self._depth == "sensor":
            camera = camera.resized(WIDTH // FACTOR, HEIGHT // FACTOR)
        stamp = round(index * 1e9 / self.rate_hz)

        def load() -> tuple[NDArray[Any], str]:
            return self._pixels(stream, index)

        return RecordedFrame(stream, str(index), stamp, FRAME_ID, camera, load)

    def _pixels(self, stream: Stream, index: int) -> tuple[NDArray[Any], str]:
        left, top = self.offset(index)
        window = (slice(top, top + HEIGHT), slice(left, left + WIDTH))
        if stream == "colour":
            return self._scene.rgb[window], "rgb8"
        truth = self._scene.depth[window]
        return (truth, "32FC1") if self._depth == "truth" else (simulate_sensor(truth, FACTOR, index), "16UC1")

    def offset(self, index: int) -> tuple[int, int]:
        """Left and top edge of the window in a frame, whole pixels."""
        angle = 2 * math.pi * index / self.depth_count
        spare = self._scene.rgb.shape[1] - WIDTH, self._scene.rgb.shape[0] - HEIGHT
        return round(spare[0] * (1 - math.cos(angle)) / 2), round(spare[1] * (1 - math.cos(2 * angle)) / 2)
