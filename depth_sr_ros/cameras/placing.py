"""Kernel that takes depth pixels to the colour image.

Everything is float32. Buffers are indexed [row, column]. Depth is carried on as its inverse, 0 for nothing: that is
affine over a plane's image, so interpolation in it is exact in perspective, and the nearest is the largest.

This kernel and those that draw work on a band of rows, of the depth image or of the colour image, and write nothing
outside of it, so that bands can be worked on at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from depth_sr_ros.cameras.compiled import compiled, inlined
from depth_sr_ros.cameras.lens import BROWN, EQUIDISTANT, brown, equidistant

_F32 = np.float32
_NEAREST = _F32(0.01)  # metres in front of the colour camera; nearer, one pixel would cover the image
_brown, _equidistant = inlined(brown), inlined(equidistant)


class View(NamedTuple):
    """The colour camera and where it stands, for kernels; numbers, not arrays, so that they stay in registers.

    Attributes:
        t: x, y, z of the depth camera's origin, metres.
        f: focal lengths, pixels.
        c: principal point.
        formula: of the lens.
        k: its coefficients.
        reach: how far from the axis it sees, at z = 1.
    """

    t: tuple[np.float32, ...]
    f: tuple[np.float32, ...]
    c: tuple[np.float32, ...]
    formula: int
    k: tuple[np.float32, ...]
    reach: np.float32


class Limits(NamedTuple):
    """Numbers that decide what hangs together and what counts.

    Attributes:
        low: least depth, metres; positive.
        high: largest depth, metres; finite.
        step: depth difference of neighbours that hang together, metres, at depth 0.
        slope: what it grows by per metre of depth.
    """

    low: np.float32
    high: np.float32
    step: np.float32
    slope: np.float32


@inlined
def project_row(depth: Any, a: Any, b: Any, c: Any, view: View, limits: Limits, u: Any, v: Any, w: Any) -> None:
    """Columns, rows and inverse depths in the colour image of a row of rays at their depths.

    Inverse depth 0 stands for what is not measured or not seen. Loops without branches, so that they become vector
    instructions.
    """
    tx, ty, tz = view.t[0], view.t[1], view.t[2]
    fx, fy, cx, cy = view.f[0], view.f[1], view.c[0], view.c[1]
    low, high, reach = limits.low, limits.high, view.reach * view.reach
    for j in range(depth.size):
        z = depth[j]
        front = z * c[j] + tz
        inverse = _F32(1) / front
        x, y = (z * a[j] + tx) * inverse, (z * b[j] + ty) * inverse
        seen = (z >= low) & (z <= high) & (front > _NEAREST) & (x * x + y * y <= reach)
        u[j], v[j], w[j] = x, y, inverse if seen else _F32(0)
    if view.formula == BROWN:
        for j in range(depth.size):
            x, y = _brown(view.k, u[j], v[j])
            u[j], v[j] = x, y
    elif view.formula == EQUIDISTANT:
        for j in range(depth.size):
            x, y = _equidistant(view.k, u[j], v[j])
            u[j], v[j] = x, y
    for j in range(depth.size):
        u[j], v[j] = u[j] * fx + cx, v[j] * fy + cy


@compiled
def place(
    depth: Any, rays: Any, view: View, limits: Limits, first: int, last: int, u: Any, v: Any, w: Any, span: Any
) -> Any:
    """Takes depth pixels to the colour image.

    Args:
        depth: (h, w) metres, not-a-number where invalid.
        rays: (3, h, w) directions of the depth pixels in the colour camera's axes, per metre of depth.
        view: the colour camera.
        limits: which depth counts.
        first: first row.
        last: row after the last.
        u: result, columns.
        v: result, rows.
        w: result, inverse depth, 0 where nothing is seen.
        span: result, (h, 2) least and largest of `v` in each row.

    Returns:
        How many pixels are measured within the limits, how many beyond, and how many the colour camera could see.
    """
    within, measured, ahead = 0, 0, 0
    for i in range(first, last):
        row, rows, inverse = depth[i], v[i], w[i]
        project_row(row, rays[0, i], rays[1, i], rays[2, i], view, limits, u[i], rows, inverse)
        top, bottom = _F32(np.inf), _F32(-np.inf)
        for j in range(row.size):
            within += (row[j] >= limits.low) & (row[j] <= limits.high)
            measured += (row[j] > _F32(0)) & (row[j] < _F32(np.inf))
            seen = inverse[j] > _F32(0)
            ahead += seen
            top = rows[j] if seen & (rows[j] < top) else top
            bottom = rows[j] if seen & (rows[j] > bottom) else bottom
        span[i, 0], span[i, 1] = top, bottom
    return within, measured - within, ahead
