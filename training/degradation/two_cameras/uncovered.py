"""What the scene's image does not show and the depth camera would see.

Behind an edge a second camera sees a strip that the first does not. It lies between the near surface and the far one
along the epipolar line, as wide as their disparities differ, and nearly always the far one goes on there: so it is
continued at the depth of the farther end. Other holes, and what lies beyond the image, stay unknown.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.transforms import Matrix

_STEP = 1e-4  # of the baseline, for the derivative at 1 m
_LEAST_MOTION = 1e-3  # pixels per 1 / m: below, there is no line to follow
_MARGIN = 1.0  # pixels: a hole's ends are whole pixels


def continue_behind(depth: NDArray[np.float32], camera: Camera, to_camera: Matrix) -> NDArray[np.float32]:
    """Depth with the far surfaces continued behind the near ones.

    Args:
        depth: (h, w) metres as `render` gives it, NaN where nothing was drawn; not changed.
        camera: that sees it.
        to_camera: (4, 4), from the frame of the camera that knows the scene to this one's.
    """
    if np.isfinite(depth).all() or not np.abs(to_camera[:3, 3]).max() > 0:
        return depth
    result = depth.copy()
    _continue(depth, epipolar_motion(camera, to_camera), result)
    return result


def epipolar_motion(camera: Camera, to_camera: Matrix) -> NDArray[np.float64]:
    """How far what the other camera sees moves in this one's image, by its inverse depth.

    Returns:
        (h, w, 2) x and y, pixels per 1 / m; 0 at the epipole and for cameras in one place.
    """
    rays = np.concatenate([camera.rays(), np.ones((*camera.size, 1))], axis=-1)
    baseline = to_camera[:3, 3]
    towards = camera.project(rays + _STEP * baseline) - camera.project(rays - _STEP * baseline)
    return np.nan_to_num(towards / (2 * _STEP))


@compiled
def _continue(depth: Any, motion: Any, result: Any) -> None:
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            length = max(abs(motion[y, x, 0]), abs(motion[y, x, 1]))
            if depth[y, x] > 0 or length < _LEAST_MOTION:
                continue
            dx, dy = motion[y, x, 0] / length, motion[y, x, 1] / length
            near, far, ends, gap = np.inf, 0.0, 0, -1
            for sign in (-1, 1):
                step = 1
                while True:
                    row = y + int(np.rint(sign * step * dy))
                    column = x + int(np.rint(sign * step * dx))
                    if row < 0 or column < 0 or row >= height or column >= width:
                        break
                    if depth[row, column] > 0:
                        near, far = min(near, depth[row, column]), max(far, depth[row, column])
                        ends, gap = ends + 1, gap + step
                        break
                    step += 1
            if ends == 2 and gap <= length * (1 / near - 1 / far) + _MARGIN:
                result[y, x] = far
