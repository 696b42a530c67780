"""All raw depth images of one round, rendered before anything is published: live there would be no time for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from demo.depth_camera import DEPTH_CAMERA
from demo.panning import frames_in_round, offset, scene_camera
from demo.rendering import seen
from demo.scene import Scene
from demo.sensor import Square, measure


def render_round(scene: Scene, rate_hz: float, path: Path) -> None:
    """Renders one round of raw depth into a file of numpy: (n, h, w) uint16 millimetres, 0 invalid.

    Args:
        scene: what the camera looks at.
        rate_hz: frames a second.
        path: file to write.
    """
    count = frames_in_round(rate_hz)

    @cache  # the way back passes the same places
    def square_at(left: int, top: int) -> Square:
        return Square.of(seen(scene.depth, scene_camera(left, top)))

    images = np.empty((count, *DEPTH_CAMERA.size), np.uint16)
    for index in range(count):
        images[index] = measure(square_at(*offset(index, count)), index)
    np.save(path, images)
