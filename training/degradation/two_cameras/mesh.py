"""The surface that an image of exact depth shows, as triangles.

Four neighbouring pixels whose depths hang together make two triangles. Where they do not, each pixel keeps the quarter
of the square that is its own, at its own depth and facing the camera: so surfaces end half way between two pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera


@dataclass(frozen=True)
class Joints:
    """Which neighbouring pixels lie on one surface: their depths differ by `step + (share + slant / f) * z` at most.

    Attributes:
        step: metres.
        share: of the depth.
        slant: slope of the steepest surface: the tangent of its angle to the image plane.
    """

    step: float = 0.002
    share: float = 0.005
    slant: float = 6.0


@dataclass(frozen=True)
class Mesh:
    """Triangles in the optical frame of the camera that saw them.

    Attributes:
        points: (n, 3) float64 metres.
        triangles: (m, 3) int64, indices of points.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]


def mesh_of(depth: NDArray[np.float32], camera: Camera, joints: Joints | None = None) -> Mesh:
    """The surface that a depth image shows.

    Args:
        depth: (H, W) metres, NaN where unknown.
        camera: that it is seen with.
        joints: what hangs together.

    Raises:
        ValueError: the image is not of the camera's size.
    """
    if depth.shape != camera.size:
        raise ValueError(f"scene: expected depth of {camera.size}, as its camera says, found {depth.shape}")
    height, width = depth.shape
    z = depth.astype(np.float64)
    whole = _hangs(z, camera, joints or Joints())
    index = np.arange(height * width).reshape(height, width)
    corners = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1)
    points = [_points(camera.rays().reshape(-1, 2), z.reshape(-1))]
    triangles = [_halves(corners[whole], z.reshape(-1))]
    loose = np.argwhere(~whole)
    for down in (0, 1):
        for right in (0, 1):
            quarter, own = _quarters(loose, down, right, z, camera)
            triangles.append(quarter + sum(map(len, points)))
            points.append(own)
    return Mesh(np.concatenate(points), np.concatenate(triangles))


def _hangs(z: NDArray[np.float64], camera: Camera, joints: Joints) -> NDArray[np.bool_]:
    """(H - 1, W - 1): whether the square right and below a pixel is one surface; False where a corner is unknown."""
    around = np.stack([z[:-1, :-1], z[:-1, 1:], z[1:, 1:], z[1:, :-1]])
    near, far = around.min(axis=0), around.max(axis=0)
    slope = joints.share + joints.slant / math.sqrt(camera.intrinsics.fx * camera.intrinsics.fy)
    return np.asarray(far - near <= joints.step + slope * near)


def _halves(corners: NDArray[np.int64], z: NDArray[np.float64]) -> NDArray[np.int64]:
    """Two triangles of each square (n, 4), cut along the diagonal whose ends are more alike."""
    a, b, c, d = corners.T
    falling = np.abs(z[a] - z[c]) <= np.abs(z[b] - z[d])
    first = np.where(falling[:, None], np.stack([a, b, c], -1), np.stack([a, b, d], -1))
    second = np.where(falling[:, None], np.stack([a, c, d], -1), np.stack([b, c, d], -1))
    return np.concatenate([first, second])


def _quarters(
    squares: NDArray[np.int64], down: int, right: int, z: NDArray[np.float64], camera: Camera
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The quarters of squares that belong to one of their corners: triangles and their points."""
    rows, columns = squares[:, 0] + down, squares[:, 1] + right
    known = np.isfinite(z[rows, columns])
    rows, columns = rows[known], columns[known]
    towards_y, towards_x = 0.5 - down, 0.5 - right  # the middle of the square
    offsets = np.array([[0, 0], [towards_x, 0], [towards_x, towards_y], [0, towards_y]])
    pixels = np.stack([columns, rows], axis=-1)[:, None] + offsets
    points = _points(camera.directions(pixels).reshape(-1, 2), np.repeat(z[rows, columns], 4))
    first = 4 * np.arange(len(rows))[:, None]
    return np.concatenate([first + [0, 1, 2], first + [0, 2, 3]]), points


def _points(directions: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([directions, np.ones((len(z), 1))], axis=-1) * z[:, None]
