"""Kernel that finds which depth pixels hang together."""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled, inlined
from depth_sr_ros.cameras.placing import Limits

TOP, BOTTOM, LEFT, RIGHT, WHOLE = 1, 2, 4, 8, 15
"""Sides of a square of four depth pixels that hang together, and all of them."""


@inlined
def hang(z: Any, other: Any, limits: Limits) -> Any:
    """Whether two depths, metres, may lie on one surface."""
    return abs(z - other) <= limits.step + limits.slope * min(z, other)


@compiled
def join(depth: Any, w: Any, limits: Limits, first: int, last: int, sides: Any) -> None:
    """Finds which neighbours hang together.

    Args:
        depth: (h, w) metres.
        w: as `place` leaves it.
        limits: what hangs together.
        first: first row.
        last: row after the last.
        sides: result, (h + 1, w + 1) bits: `TOP` + `BOTTOM` + `LEFT` + `RIGHT` for the sides of the square whose lower
            right corner is pixel (i, j) that hang together; 0 along the border.
    """
    for i in range(max(first, 1), last):
        upper, lower, over, under, out = depth[i - 1], depth[i], w[i - 1], w[i], sides[i]
        for j in range(1, lower.size):
            top = (over[j - 1] > 0) & (over[j] > 0) & hang(upper[j - 1], upper[j], limits)
            bottom = (under[j - 1] > 0) & (under[j] > 0) & hang(lower[j - 1], lower[j], limits)
            left = (over[j - 1] > 0) & (under[j - 1] > 0) & hang(upper[j - 1], lower[j - 1], limits)
            right = (over[j] > 0) & (under[j] > 0) & hang(upper[j], lower[j], limits)
            out[j] = np.uint8(top) | np.uint8(bottom) << 1 | np.uint8(left) << 2 | np.uint8(right) << 3
