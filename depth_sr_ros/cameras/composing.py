"""Kernels that make the start image, before holes are filled: from what was drawn, or from depth as it came."""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.joining import hang
from depth_sr_ros.cameras.placing import Limits
from depth_sr_ros.cameras.quality import FOOTPRINT, MEASURED, NOTHING

_F32 = np.float32
_FARTHEST = np.finfo(np.float32).max


@compiled
def compose(surfaces: Any, patches: Any, limits: Limits, first: int, last: int, start: Any, quality: Any) -> Any:
    """Joins surfaces and own squares.

    Args:
        surfaces: (H, W) inverse depth; what counts of both is left here, 0 where there is nothing.
        patches: (H, W) inverse depth.
        limits: where they agree.
        first: first row.
        last: row after the last.
        start: result, metres, 0 where there is nothing.
        quality: result, `NOTHING`, `FOOTPRINT` or `MEASURED`.

    Returns:
        How many pixels are covered, and the largest inverse depth.
    """
    covered, nearest = 0, _F32(0)
    for y in range(first, last):
        surface, patch, z, mark = surfaces[y], patches[y], start[y], quality[y]
        for x in range(z.size):
            one, other = _F32(1) / surface[x], _F32(1) / patch[x]
            own = (surface[x] > 0) & ((patch[x] <= surface[x]) | hang(one, other, limits))
            mark[x] = MEASURED if own else FOOTPRINT
            surface[x] = surface[x] if own else patch[x]
        for x in range(z.size):
            value = surface[x]
            # the inverse of the inverse of what is as far as a float can hold may be infinite
            one = _F32(1) / value
            one = one if one < _FARTHEST else _FARTHEST
            z[x] = one if value > 0 else _F32(0)
            mark[x] = mark[x] if value > 0 else NOTHING
            nearest = value if value > nearest else nearest
        for x in range(z.size):
            covered += mark[x] != NOTHING
    return covered, nearest


@compiled
def take(depth: Any, limits: Limits, first: int, last: int, inverse: Any, start: Any, quality: Any) -> Any:
    """Takes depth over that lies on the colour image's pixels already.

    Args:
        depth: (H, W) metres, not-a-number where invalid.
        limits: which depth counts.
        first: first row.
        last: row after the last.
        inverse: result, inverse depth, 0 where there is nothing.
        start: result, metres, 0 where there is nothing.
        quality: result, `NOTHING` or `MEASURED`.

    Returns:
        How many pixels are measured within the limits, and how many beyond.
    """
    within, measured = 0, 0
    for y in range(first, last):
        for x in range(depth.shape[1]):
            z = depth[y, x]
            counts = (z >= limits.low) & (z <= limits.high)
            within += counts
            measured += (z > _F32(0)) & (z < _F32(np.inf))
            inverse[y, x] = _F32(1) / z if counts else _F32(0)
            start[y, x] = z if counts else _F32(0)
            quality[y, x] = MEASURED if counts else NOTHING
    return within, measured - within
