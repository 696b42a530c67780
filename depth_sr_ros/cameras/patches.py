"""Kernels for the own squares of depth pixels beside a gap, each drawn at its pixel's depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.joining import WHOLE
from depth_sr_ros.cameras.placing import Limits, View, project_row
from depth_sr_ros.cameras.triangles import triangle

PATCH = 11
"""Numbers that describe the own square of a depth pixel."""

_F32 = np.float32


@compiled
def cut_patches(
    depth: Any,
    corners: Any,
    u: Any,
    v: Any,
    w: Any,
    view: View,
    limits: Limits,
    sides: Any,
    first: int,
    last: int,
    patches: Any,
) -> Any:
    """Lists the own squares of pixels that have a gap at one of their corners.

    Args:
        depth: (h, w) metres.
        corners: (3, h + 1, w + 1) directions of the pixels' corners, as `rays` of `place`.
        u: as `place` leaves it.
        v: as `place` leaves it.
        w: as `place` leaves it.
        view: the colour camera.
        limits: as `place` was given.
        sides: as `join` leaves it.
        first: first row.
        last: row after the last.
        patches: result, (h w, `PATCH`), this band's from number `first` w on: columns and rows of the corners,
            clockwise from the upper left, column and row of the middle, inverse depth. Corners are not-a-number where
            one is not seen.

    Returns:
        How many there are.
    """  # fmt: skip
    columns = depth.shape[1]
    cu, cv = np.empty((4, columns), np.float32), np.empty((4, columns), np.float32)
    cw = np.empty((4, columns), np.float32)
    number = first * columns
    for i in range(first, last):
        above, below = sides[i], sides[i + 1]
        gaps = 0
        for j in range(columns):
            gaps += (w[i, j] > 0) & ((above[j] & above[j + 1] & below[j] & below[j + 1]) != WHOLE)
        if gaps == 0:
            continue
        for corner in range(4):
            down, right = corner // 2, (corner + 1) // 2 % 2
            rays = corners[:, i + down, right : right + columns]
            project_row(depth[i], rays[0], rays[1], rays[2], view, limits, cu[corner], cv[corner], cw[corner])
        for j in range(columns):
            if w[i, j] > 0 and (above[j] & above[j + 1] & below[j] & below[j + 1]) != WHOLE:
                patch = patches[number]
                seen = cw[0, j] > 0 and cw[1, j] > 0 and cw[2, j] > 0 and cw[3, j] > 0
                for corner in range(4):
                    patch[2 * corner] = cu[corner, j] if seen else _F32(np.nan)
                    patch[2 * corner + 1] = cv[corner, j] if seen else _F32(np.nan)
                patch[8], patch[9], patch[10] = u[i, j], v[i, j], w[i, j]
                number += 1
    return number - first * columns


@compiled
def draw_patches(patches: Any, begin: int, count: int, first: int, last: int, out: Any) -> None:
    """Draws own squares of depth pixels.

    Args:
        patches: as `cut_patches` leaves it.
        begin: number of the first.
        count: how many.
        first: first row of the colour image.
        last: row after the last.
        out: (H, W) inverse depth; keeps what is nearer.
    """
    width = out.shape[1]
    for number in range(begin, begin + count):
        p = patches[number]
        drawn, w = 0, p[10]
        if p[0] == p[0]:
            drawn += triangle(out, first, last, p[0], p[1], w, p[2], p[3], w, p[4], p[5], w)
            drawn += triangle(out, first, last, p[0], p[1], w, p[4], p[5], w, p[6], p[7], w)
        x, y = p[8] + _F32(0.5), p[9] + _F32(0.5)
        if drawn == 0 and x >= 0 and x < width and y >= first and y < last:
            # smaller than a pixel: it takes the one that its middle lies in
            column, row = np.int64(x), np.int64(y)
            out[row, column] = max(out[row, column], w)
