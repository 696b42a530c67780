"""Kernel for the two surfaces that meet at an edge."""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.quality import FILLED, NOTHING

_F32 = np.float32


@compiled
def decide(start: Any, quality: Any, step: Any, slope: Any, first: int, last: int, near: Any, far: Any) -> None:
    """Keeps two hypotheses where they are a question, and sets both to the start image elsewhere.

    Args:
        start: (H, W) metres; not-a-number is written where nothing is known.
        quality: (H, W); filled pixels keep the hypotheses that they have.
        step: metres that near and far differ by at an edge, at depth 0.
        slope: what that grows by per metre of depth.
        first: first row.
        last: row after the last.
        near: (H, W) largest inverse depth around the pixel; becomes the near hypothesis, metres.
        far: (H, W) largest depth around the pixel; becomes the far hypothesis.
    """
    for y in range(first, last):
        for x in range(start.shape[1]):
            own = start[y, x] if quality[y, x] != NOTHING else _F32(np.nan)
            nearest, farthest = _F32(1) / near[y, x], far[y, x]
            nearest, farthest = own if own < nearest else nearest, own if own > farthest else farthest
            question = farthest - nearest > step + slope * nearest
            filled = quality[y, x] == FILLED
            near[y, x] = near[y, x] if filled else nearest if question else own
            far[y, x] = far[y, x] if filled else farthest if question else own
            start[y, x] = own
