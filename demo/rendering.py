"""What the depth camera sees of a scene.

The scene is an image of exact depth, seen by another camera. `Registration` draws it into the depth camera's view with
a z-buffer, at 4x4 samples per depth pixel: a little finer than the scene's own pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from demo.depth_camera import DEPTH_CAMERA, DEPTH_TO_COLOUR
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.registration import FILLED, Registration, RegistrationOptions

SAMPLES = 4
"""Along a line, per depth pixel."""

_FINE = DEPTH_CAMERA.resized(DEPTH_CAMERA.size[1] * SAMPLES, DEPTH_CAMERA.size[0] * SAMPLES)
_TO_DEPTH = np.asarray(np.linalg.inv(DEPTH_TO_COLOUR), np.float64)
# exact depth has no noise: what hangs together is one surface
_EXACT = RegistrationOptions(noise_m=0.002, noise_share=0.005, slant=6.0)


def seen(depth: NDArray[np.float32], scene_camera: Camera) -> NDArray[np.float32]:
    """What the depth camera's pixels see of a scene.

    Behind an edge the depth camera sees a strip that the scene's image does not show: there the farther surface is
    continued. Other holes, and what lies beyond the scene's image, stay unknown.

    Args:
        depth: (H, W) metres, exact, NaN where unknown; not changed.
        scene_camera: in the colour camera's place, that the scene's image is of.

    Returns:
        (h, w, SAMPLES * SAMPLES) metres along the depth camera's axis, NaN where unknown.
    """
    drawn = Registration(scene_camera, _FINE, _TO_DEPTH, _EXACT)(depth)
    rows, columns = np.nonzero(drawn.quality == FILLED)
    unknown = ~_hidden(drawn.start, rows, columns, depth, scene_camera)
    drawn.start[rows[unknown], columns[unknown]] = np.nan
    height, width = DEPTH_CAMERA.size
    cells = drawn.start.reshape(height, SAMPLES, width, SAMPLES).swapaxes(1, 2)
    return np.ascontiguousarray(cells).reshape(height, width, SAMPLES * SAMPLES)


def _hidden(
    drawn: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    depth: NDArray[np.float32],
    scene_camera: Camera,
) -> NDArray[np.bool_]:
    """Whether something nearer hides these pixels' points from the scene's camera."""
    points = _turned_rays()[rows, columns] * drawn[rows, columns, None] + DEPTH_TO_COLOUR[:3, 3]
    pixels = np.rint(scene_camera.project(points))
    inside = np.asarray(((pixels >= 0) & (pixels < depth.shape[::-1])).all(axis=-1))
    x, y = np.where(inside[:, None], pixels, 0).astype(np.intp).T
    return inside & np.asarray(depth[y, x] < points[:, 2])


@cache
def _turned_rays() -> NDArray[np.float64]:
    """Directions of the samples in the colour camera's axes, per metre along the depth camera's."""
    rays = np.concatenate([_FINE.rays(), np.ones((*_FINE.size, 1))], axis=-1)
    return np.asarray(rays @ DEPTH_TO_COLOUR[:3, :3].T)
