"""Draws a scene that is given as images of inverse depth into a pinhole camera's view, with a z-buffer.

A scene is one image of exact depth, or several layers of it, back to front: then what the colour camera does not see is
known, too. Four neighbouring pixels whose depths hang together are drawn as two triangles; where they do not, each
pixel keeps the quarter of the square that is its own, as in `mesh`. Nothing is allocated per triangle, so that a crop
takes a few milliseconds; `mesh` and `rendering` do the same with a lens, and check this one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.transforms import Matrix
from training.degradation.two_cameras.mesh import Joints

_SIDE = 1e-6  # what rounding leaves between triangles that share a side


@dataclass(frozen=True)
class Layer:
    """A part of the scene as the colour camera would see it if nothing stood before it.

    Attributes:
        inverse: (h, w) float32, 1 / metres; 0 where the layer is not.
        top: row of the colour image that its first row lies on.
        left: column of it.
    """

    inverse: NDArray[np.float32]
    top: int = 0
    left: int = 0


@dataclass(frozen=True)
class Drawn:
    """What a camera's pixels see.

    Attributes:
        inverse: (h, w) float32, 1 / metres along this camera's axis; 0 where nothing is drawn.
        source: (h, w) int32, number (row * width + column) of the colour pixel that shows the same place, or would if
            nothing stood before it; -1 where nothing is drawn.
    """

    inverse: NDArray[np.float32]
    source: NDArray[np.int32]


@dataclass(frozen=True)
class Projection:
    """How pixels of the colour camera are seen by the other one.

    Pixel (x, y) of inverse depth q is seen at (a / c, b / c) with inverse depth q / c, where
    (a, b, c) = turned (x, y, 1) + q moved.

    Attributes:
        turned: (3, 3).
        moved: (3,).
    """

    turned: Matrix
    moved: NDArray[np.float64]

    @classmethod
    def between(
        cls,
        colour: Intrinsics,
        camera: Intrinsics,
        to_camera: NDArray[np.floating],
        roll: tuple[float, float] = (0.0, 0.0),
    ) -> Projection:
        """The projection of two pinholes.

        Args:
            colour: the camera that the scene's images are of.
            camera: that looks at it.
            to_camera: (4, 4), takes points in metres from the colour camera's optical frame to this one's.
            roll: pixels right and down by which the image's last row is displaced against its first, as a rolling
                shutter does it that moves.
        """
        k, middle = _matrix(camera), (camera.height - 1) / 2
        bend = np.eye(3)
        bend[:2, 1] += np.array(roll) / camera.height
        bend[:2, 2] -= np.array(roll) * middle / camera.height
        k = bend @ k
        return cls(k @ to_camera[:3, :3] @ np.linalg.inv(_matrix(colour)), k @ to_camera[:3, 3])


def draw(
    layers: Sequence[Layer],
    colour: Intrinsics,
    size: tuple[int, int],
    projection: Projection,
    joints: Joints | None = None,
) -> Drawn:
    """A scene in a camera's view.

    Args:
        layers: the scene.
        colour: the camera that its images are of.
        size: (height, width) of the view.
        projection: into that view.
        joints: which neighbouring pixels lie on one surface.
    """
    joints, p = joints or Joints(), projection
    inverse = np.zeros(size, np.float32)
    source = np.full(size, -1, np.int32)
    slope = joints.share + joints.slant / math.sqrt(colour.fx * colour.fy)
    for layer in layers:
        _draw(
            layer.inverse, layer.top, layer.left, colour.width, p.turned, p.moved, joints.step, slope, inverse, source
        )
    return Drawn(inverse, source)


def _matrix(i: Intrinsics) -> Matrix:
    return np.array([[i.fx, 0, i.cx], [0, i.fy, i.cy], [0, 0, 1]])


@compiled
def _draw(
    q: Any, top: int, left: int, stride: int, turned: Any, moved: Any, step: float, slope: float, out: Any, source: Any
) -> None:
    """Draws one layer; arguments as `draw` makes them."""
    height, width = q.shape
    rows = np.empty((2, width, 3))  # where the pixels of an even and of an odd row are seen
    u, v, w = np.empty(4), np.empty(4), np.empty(4)
    numbers = np.empty(4, np.int32)
    for i in range(height):
        for j in range(width):
            rows[i % 2, j] = _seen(turned, moved, j + left, i + top, q[i, j])
        for j in range(width - 1 if i else 0):
            low = min(q[i - 1, j], q[i - 1, j + 1], q[i, j + 1], q[i, j])
            high = max(q[i - 1, j], q[i - 1, j + 1], q[i, j + 1], q[i, j])
            if high <= 0:
                continue
            for corner in range(4):  # clockwise from the upper left
                down, right = corner // 2, (corner + 1) // 2 % 2
                numbers[corner] = (i - 1 + down + top) * stride + j + right + left
                seen = rows[(i - 1 + down) % 2, j + right]
                u[corner], v[corner], w[corner] = seen[0], seen[1], seen[2]
            if low > 0 and 1 / low - 1 / high <= step + slope / high:
                falling = abs(q[i - 1, j] - q[i, j + 1]) <= abs(q[i - 1, j + 1] - q[i, j])
                first = 0 if falling else 1
                _triangle(u, v, w, numbers, first, first + 1, first + 2, out, source)
                _triangle(u, v, w, numbers, first, first + 2, (first + 3) % 4, out, source)
                continue
            for corner in range(4):
                if w[corner] > 0:
                    _quarter(q, top, left, stride, turned, moved, i - 1, j, corner, out, source)


@compiled
def _seen(turned: Any, moved: Any, x: float, y: float, q: float) -> Any:
    """Column, row and inverse depth; inverse depth 0 for what is not there or behind the camera."""
    c = turned[2, 0] * x + turned[2, 1] * y + turned[2, 2] + q * moved[2]
    if not (c > 1e-3 and q > 0):
        return 0.0, 0.0, 0.0
    a = turned[0, 0] * x + turned[0, 1] * y + turned[0, 2] + q * moved[0]
    b = turned[1, 0] * x + turned[1, 1] * y + turned[1, 2] + q * moved[1]
    return a / c, b / c, q / c


@compiled
def _quarter(
    q: Any, top: int, left: int, stride: int, turned: Any, moved: Any, i: int, j: int, corner: int, out: Any,
    source: Any,
) -> None:  # fmt: skip
    """Draws the quarter of a square that belongs to one of its corners, facing the colour camera."""
    down, right = corner // 2, (corner + 1) // 2 % 2
    y, x = i + down, j + right
    u, v, w = np.empty(4), np.empty(4), np.empty(4)
    numbers = np.full(4, (y + top) * stride + x + left, np.int32)
    for other in range(4):
        at_y, at_x = i + 0.5 * (down + other // 2), j + 0.5 * (right + (other + 1) // 2 % 2)
        u[other], v[other], w[other] = _seen(turned, moved, at_x + left, at_y + top, q[y, x])
    _triangle(u, v, w, numbers, 0, 1, 2, out, source)
    _triangle(u, v, w, numbers, 0, 2, 3, out, source)


@compiled
def _triangle(u: Any, v: Any, w: Any, numbers: Any, a: int, b: int, c: int, out: Any, source: Any) -> None:
    """Draws a triangle, seen from either side; keeps the nearest. Each pixel's source is that of the nearest corner."""
    if not (w[a] > 0 and w[b] > 0 and w[c] > 0):
        return
    height, width = out.shape
    u0, v0, w0 = u[a], v[a], w[a]
    ax, ay, aw = u[b] - u0, v[b] - v0, w[b] - w0
    bx, by, bw = u[c] - u0, v[c] - v0, w[c] - w0
    area = ax * by - bx * ay
    top, bottom = v0 + min(0.0, ay, by), v0 + max(0.0, ay, by)
    left, right = u0 + min(0.0, ax, bx), u0 + max(0.0, ax, bx)
    if abs(area) < 1e-12 or bottom < 0 or right < 0 or top > height - 1 or left > width - 1:
        return
    scale = 1 / area
    for y in range(int(np.ceil(max(top, 0.0))), int(np.floor(min(bottom, height - 1.0))) + 1):
        for x in range(int(np.ceil(max(left, 0.0))), int(np.floor(min(right, width - 1.0))) + 1):
            p = ((x - u0) * by - (y - v0) * bx) * scale
            s = ((y - v0) * ax - (x - u0) * ay) * scale
            if p >= -_SIDE and s >= -_SIDE and p + s <= 1 + _SIDE:
                value = np.float32(w0 + p * aw + s * bw)
                if value > out[y, x]:
                    out[y, x] = value
                    source[y, x] = numbers[b] if p > max(s, 1 - p - s) else numbers[c] if s > 1 - p - s else numbers[a]
