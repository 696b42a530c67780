"""What a parallax hides: parts of the kernel that fills holes.

A hole that a parallax opens lies behind a near surface, on the side towards the depth camera's image in the colour
image (the epipole): the depth camera looks past the other side. It is as wide as the two surfaces' disparities differ,
and it shows the far surface.

Epipolar lines are followed by leaps: `distance` tells how far the nearest covered pixel is, so nothing is passed by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.compiled import inlined

NODE = 16
"""Pixels between the nodes of `Parallax.field`, about."""

_F32 = np.float32


class Parallax(NamedTuple):
    """What filling needs to know of the cameras.

    Attributes:
        field: (rows, columns, 2) displacement of a point in the colour image, pixels (x, y) per unit of inverse depth,
            at nodes spread evenly from the first pixel to the last.
        margin: pixels by which a hidden pixel's distance from what hides it may exceed the difference of disparities:
            one between pixels' centres, and more where depth pixels are larger than that.
        step: depth difference of like depths, metres, at depth 0.
        noise: what it grows by per metre of depth.
        slant: and per metre of depth and pixel between them.
        own: pixels from one place in a depth pixel's own square to the nearest that is surely outside of it.
        steep: pixels that a surface is given for a step of `own` pixels, so that also a steep one is alike.
    """

    field: NDArray[np.float32]
    margin: np.float32
    step: np.float32
    noise: np.float32
    slant: np.float32
    own: int
    steep: np.float32


@inlined
def field_of_row(field: Any, y: Any, height: Any, out: Any) -> None:
    """The nodes' displacements in one row of the image."""
    rows = field.shape[0] - 1
    fy = _F32(y) * _F32(rows) / _F32(max(height - 1, 1))
    i = min(np.int64(fy), rows - 1)
    fy = fy - _F32(i)
    for j in range(out.shape[0]):
        for axis in range(2):
            out[j, axis] = field[i, j, axis] * (_F32(1) - fy) + field[i + 1, j, axis] * fy


@inlined
def _displacement(nodes: Any, x: Any, width: Any) -> Any:
    columns = nodes.shape[0] - 1
    fx = _F32(x) * _F32(columns) / _F32(max(width - 1, 1))
    j = min(np.int64(fx), columns - 1)
    fx = fx - _F32(j)
    rest = _F32(1) - fx
    return nodes[j, 0] * rest + nodes[j + 1, 0] * fx, nodes[j, 1] * rest + nodes[j + 1, 1] * fx


@inlined
def alike(one: Any, other: Any, gap: Any, parallax: Parallax) -> Any:
    """Whether two depths, metres, that lie some pixels apart may be of one surface."""
    near = min(one, other)
    return abs(one - other) <= parallax.step + near * (parallax.noise + parallax.slant * gap)


@inlined
def _follow(start: Any, distance: Any, y: Any, x: Any, dy: Any, dx: Any, limit: Any) -> Any:
    """Depth of the first covered pixel along a line and how far it is; depth 0 where there is none up to a limit.

    The larger of |dx| and |dy| is 1.
    """
    height, width = distance.shape
    # halves are rounded away from the pixel, so that mirrored lines meet mirrored pixels
    half_y, half_x = _F32(0.5) if dy > 0 else _F32(-0.5), _F32(0.5) if dx > 0 else _F32(-0.5)
    s = max(distance[y, x] - _F32(1), _F32(1))
    while s <= limit:
        row, column = y + np.int64(s * dy + half_y), x + np.int64(s * dx + half_x)
        if row < 0 or column < 0 or row >= height or column >= width:
            break
        left = distance[row, column]
        if left == 0:
            return start[row, column], s
        s += max(left - _F32(1), _F32(1))
    return _F32(0), _F32(0)


@inlined
def _end(
    start: Any, distance: Any, y: Any, x: Any, dy: Any, dx: Any, limit: Any, left: Any, right: Any, up: Any, down: Any
) -> Any:
    """As `_follow`, by the ends of row and column where the line does not leave these."""
    height, width = distance.shape
    flat = abs(dx) >= abs(dy)
    gap = (right - x if dx > 0 else x - left) if flat else (down - y if dy > 0 else y - up)
    if _F32(gap) * (abs(dy) if flat else abs(dx)) >= _F32(0.5):
        return _follow(start, distance, y, x, dy, dx, limit)
    row = y if flat else down if dy > 0 else up
    column = (right if dx > 0 else left) if flat else x
    if _F32(gap) > limit or row < 0 or column < 0 or row >= height or column >= width:
        return _F32(0), _F32(0)
    return start[row, column], _F32(gap)


@inlined
def behind(
    start: Any,
    distance: Any,
    nodes: Any,
    y: Any,
    x: Any,
    nearest: Any,
    parallax: Parallax,
    left: Any,
    right: Any,
    up: Any,
    down: Any,
) -> Any:
    """Depths of the surface that hides a pixel from the depth camera and of the one behind it; 0 where none does."""
    dx, dy = _displacement(nodes, x, start.shape[1])
    length = max(abs(dx), abs(dy))
    widest = length * nearest + parallax.margin
    if length == 0 or distance[y, x] > widest:
        return _F32(0), _F32(0)
    dx, dy = dx / length, dy / length
    near, near_at = _end(start, distance, y, x, dy, dx, widest, left, right, up, down)
    # were the far surface at infinity, the hole would be this wide
    width = length / near + parallax.margin if near > 0 else _F32(0)
    if near_at > width or near == 0:
        return _F32(0), _F32(0)
    # beyond, it may go on as far as nothing was measured
    anywhere = _F32(start.shape[0] + start.shape[1])
    far, far_at = _end(start, distance, y, x, -dy, -dx, anywhere, left, right, up, down)
    if far <= near or alike(near, far, near_at + far_at, parallax):
        return _F32(0), _F32(0)
    hidden = near_at <= length * (_F32(1) / near - _F32(1) / far) + parallax.margin
    return (near, far) if hidden else (_F32(0), _F32(0))
