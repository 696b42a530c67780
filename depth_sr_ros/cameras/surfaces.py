"""Kernel that draws squares of four neighbouring depth pixels.

Each that hangs together is two triangles; of one that does not, a corner with its two neighbours is one where these
hang together.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.joining import BOTTOM, LEFT, RIGHT, TOP, WHOLE
from depth_sr_ros.cameras.triangles import square, triangle

_F32 = np.float32


@compiled
def draw_surfaces(depth: Any, u: Any, v: Any, w: Any, span: Any, sides: Any, first: int, last: int, out: Any) -> None:
    """Draws squares of four neighbouring depth pixels.

    Args:
        depth: (h, w) metres.
        u: as `place` leaves it.
        v: as `place` leaves it.
        w: as `place` leaves it.
        span: as `place` leaves it.
        sides: as `join` leaves it.
        first: first row of the colour image.
        last: row after the last.
        out: result, (H, W) inverse depth, the nearest.
    """
    out[first:last] = _F32(0)
    for i in range(depth.shape[0] - 1):
        # a pixel more each way, for rounding
        if min(span[i, 0], span[i + 1, 0]) > _F32(last) or max(span[i, 1], span[i + 1, 1]) < _F32(first - 1):
            continue
        for j in range(depth.shape[1] - 1):
            hang = sides[i + 1, j + 1]
            if hang == 0:
                continue
            z00, z01, z10, z11 = depth[i, j], depth[i, j + 1], depth[i + 1, j], depth[i + 1, j + 1]
            w00, w01, w10, w11 = w[i, j], w[i, j + 1], w[i + 1, j], w[i + 1, j + 1]
            u00, u01, u10, u11 = u[i, j], u[i, j + 1], u[i + 1, j], u[i + 1, j + 1]
            v00, v01, v10, v11 = v[i, j], v[i, j + 1], v[i + 1, j], v[i + 1, j + 1]
            if hang == WHOLE:
                # the diagonal over the smaller step, the nearer one where both are alike
                falling, rising = abs(z00 - z11), abs(z01 - z10)
                if falling < rising or (falling == rising and z00 + z11 <= z01 + z10):
                    square(out, first, last, u00, v00, w00, u01, v01, w01, u11, v11, w11, u10, v10, w10)
                else:
                    square(out, first, last, u01, v01, w01, u11, v11, w11, u10, v10, w10, u00, v00, w00)
                continue
            if hang & (TOP | LEFT) == TOP | LEFT:
                triangle(out, first, last, u00, v00, w00, u01, v01, w01, u10, v10, w10)
            if hang & (BOTTOM | RIGHT) == BOTTOM | RIGHT:
                triangle(out, first, last, u11, v11, w11, u10, v10, w10, u01, v01, w01)
            if hang & (TOP | RIGHT) == TOP | RIGHT:
                triangle(out, first, last, u01, v01, w01, u11, v11, w11, u00, v00, w00)
            if hang & (BOTTOM | LEFT) == BOTTOM | LEFT:
                triangle(out, first, last, u10, v10, w10, u00, v00, w00, u11, v11, w11)
