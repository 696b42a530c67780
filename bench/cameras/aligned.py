"""Depth aligned to colour as camera drivers do it: each depth pixel's square is moved, and the nearest wins.

The square between a pixel's corners, at the pixel's depth, covers the colour pixels whose centres lie in it, and one at
least. Nothing is interpolated, and what the depth camera does not see stays empty. Drivers differ in detail:
librealsense fills such rectangles (rounded outwards by up to a pixel), Azure Kinect's SDK draws triangles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.transforms import Matrix


def aligned(depth: NDArray[np.float32], camera: Camera, target: Camera, to_target: Matrix) -> NDArray[np.float32]:
    """Depth on another camera's pixels.

    Args:
        depth: (h, w) metres, NaN where invalid.
        camera: that measured it.
        target: whose pixels it is brought to.
        to_target: (4, 4), takes points in metres from the one optical frame to the other.

    Returns:
        (H, W) metres along the target's axis, NaN where nothing is.
    """
    rows, columns = np.nonzero(np.isfinite(depth))
    pixels = np.stack([columns, rows], axis=-1).astype(np.float64)
    z = depth[rows, columns].astype(np.float64)
    one, ahead = _moved(pixels - np.float64(0.5), z, camera, target, to_target)
    other, _ = _moved(pixels + np.float64(0.5), z, camera, target, to_target)
    seen = np.isfinite(one).all(axis=-1) & np.isfinite(other).all(axis=-1)
    low, high, ahead = np.minimum(one, other)[seen], np.maximum(one, other)[seen], ahead[seen]
    first, last = np.ceil(low).astype(np.int64), np.ceil(high).astype(np.int64)
    narrow = first == last  # no centre lies in it: it takes the pixel that it lies in
    first = np.where(narrow, np.rint((low + high) / 2).astype(np.int64), first)
    last = np.where(narrow, first + 1, last)
    size = np.array(target.size[::-1])
    out = np.full(target.size, np.inf, np.float32)
    _splat(np.clip(first, 0, size), np.clip(last, 0, size), ahead.astype(np.float32), out)
    return np.where(np.isfinite(out), out, np.float32(np.nan))


def _moved(
    pixels: NDArray[np.float64], z: NDArray[np.float64], camera: Camera, target: Camera, to_target: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places (n, 2) in the target's image of such in the camera's, at depths z there, and their depths in it."""
    rays = np.concatenate([camera.directions(pixels), np.ones((len(z), 1))], axis=-1)
    points = rays * z[:, None] @ to_target[:3, :3].T + to_target[:3, 3]
    return target.project(points), points[:, 2]


@compiled
def _splat(first: Any, last: Any, z: Any, out: Any) -> None:
    for n in range(z.size):
        for y in range(first[n, 1], last[n, 1]):
            for x in range(first[n, 0], last[n, 0]):
                out[y, x] = min(out[y, x], z[n])
