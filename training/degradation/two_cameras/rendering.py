"""Draws a mesh into a camera's view with a z-buffer.

Pixels are points: each gets the depth of the nearest surface on its own ray. Drawn is inverse depth, which is affine
over the image of a plane; through a lens with distortion it is so within each triangle, which is about a pixel large.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.transforms import Matrix
from training.degradation.two_cameras.mesh import Mesh

_NEAREST = 0.01  # metres in front of the camera
_SIDE = 1e-9  # what rounding leaves between triangles that share a side


def render(mesh: Mesh, camera: Camera, to_camera: Matrix) -> NDArray[np.float32]:
    """Depth of a mesh in a camera's view, (h, w) metres, NaN where nothing is drawn.

    Args:
        mesh: the scene.
        camera: that looks at it.
        to_camera: (4, 4), takes points in metres from the mesh's frame to the camera's optical frame.
    """
    points = mesh.points @ to_camera[:3, :3].T + to_camera[:3, 3]
    seen = camera.project(points)
    depth = np.where(np.isfinite(seen).all(axis=-1) & (points[:, 2] > _NEAREST), points[:, 2], np.nan)
    inverse = np.zeros(camera.size)
    _draw(np.column_stack([seen, 1 / depth]), mesh.triangles, inverse)
    with np.errstate(divide="ignore"):
        return np.where(inverse > 0, 1 / inverse, np.nan).astype(np.float32)


@compiled
def _draw(corners: Any, triangles: Any, out: Any) -> None:
    """Draws triangles, seen from either side, of corners (column, row, inverse depth); keeps the nearest."""
    height, width = out.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        u0, v0, w0 = corners[a, 0], corners[a, 1], corners[a, 2]
        ax, ay, aw = corners[b, 0] - u0, corners[b, 1] - v0, corners[b, 2] - w0
        bx, by, bw = corners[c, 0] - u0, corners[c, 1] - v0, corners[c, 2] - w0
        area = ax * by - bx * ay
        if not abs(area) > 1e-12:  # seen from the side, or a corner is not seen
            continue
        if np.isnan(w0 + aw + bw):
            continue
        top, bottom = v0 + min(0.0, ay, by), v0 + max(0.0, ay, by)
        left, right = u0 + min(0.0, ax, bx), u0 + max(0.0, ax, bx)
        if bottom < 0 or right < 0 or top > height - 1 or left > width - 1:
            continue
        for y in range(int(np.ceil(max(top, 0.0))), int(np.floor(min(bottom, height - 1.0))) + 1):
            for x in range(int(np.ceil(max(left, 0.0))), int(np.floor(min(right, width - 1.0))) + 1):
                p = ((x - u0) * by - (y - v0) * bx) / area
                q = ((y - v0) * ax - (x - u0) * ay) / area
                if p >= -_SIDE and q >= -_SIDE and p + q <= 1 + _SIDE:
                    out[y, x] = max(out[y, x], w0 + p * aw + q * bw)
