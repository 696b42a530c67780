"""Kernel for mixed pixels: a depth pixel whose square holds an edge measures neither of its two surfaces.

A time-of-flight pixel adds up the light of its whole square, so that one on a silhouette reports a distance at which
nothing is, a flying pixel (Lindner, Schiller, Kolb and Koch, "Time-of-Flight sensor calibration for accurate range
sensing", CVIU 2010). Between its neighbours on both surfaces such a pixel stands out: it hangs together with neither,
and both of them do with theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled, inlined
from depth_sr_ros.cameras.joining import hang
from depth_sr_ros.cameras.placing import Limits

_F32 = np.float32
_ALONG = ((0, 1), (1, 0), (1, 1), (1, -1))  # row, column, and both diagonals


@inlined
def _on_a_surface(depth: Any, z: Any, i: int, j: int, limits: Limits) -> Any:
    """Whether a pixel's depth hangs together with that of the next one, (i, j), or that one is not measured.

    What lies beyond the border is unknown: there, a steep surface looks as an edge does.
    """
    if i < 0 or j < 0 or i >= depth.shape[0] or j >= depth.shape[1]:
        return False
    return (not depth[i, j] > 0) or hang(z, depth[i, j], limits)


@compiled
def assign_mixed(depth: Any, limits: Limits, first: int, last: int, out: Any) -> None:
    """Gives mixed pixels the depth of that one of their two surfaces which they are nearer to.

    Args:
        depth: (h, w) metres; what is not positive or not a number is not measured.
        limits: what hangs together; surfaces out of range do not count.
        first: first row.
        last: row after the last.
        out: result, (h, w), a copy but for mixed pixels.
    """
    rows, columns = depth.shape
    for i in range(first, last):
        for j in range(columns):
            z, widest = depth[i, j], _F32(0)
            out[i, j] = z
            for down, right in _ALONG:
                if i < down or i + down >= rows or j < abs(right) or j + abs(right) >= columns:
                    continue
                one, other = depth[i - down, j - right], depth[i + down, j + right]
                low, high = min(one, other), max(one, other)
                if not (limits.low <= low and low < z and z < high and high <= limits.high and high - low > widest):
                    continue
                if hang(z, one, limits) or hang(z, other, limits):
                    continue
                behind_one = _on_a_surface(depth, one, i - 2 * down, j - 2 * right, limits)
                if behind_one and _on_a_surface(depth, other, i + 2 * down, j + 2 * right, limits):
                    widest = high - low
                    out[i, j] = low if z - low < high - z else high
