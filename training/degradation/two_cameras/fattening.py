"""Silhouettes that are too fat.

A matching window that overlaps an edge finds the near surface, so that it grows by up to half a window: foreground
fattening (Scharstein and Szeliski, "A taxonomy and evaluation of dense two-frame stereo correspondence algorithms",
2002). Lenses and pixels that share light do the same for bright near surfaces before dark far ones in time of flight.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fattened(depth: NDArray[np.float32], pixels: int = 1, jump: float = 0.03) -> NDArray[np.float32]:
    """Depth (h, w) in metres with near surfaces grown over far ones.

    Args:
        depth: NaN where unknown; such pixels are covered, too.
        pixels: by how much.
        jump: share of its depth that a surface must lie behind another to be covered by it.
    """
    if pixels <= 0:
        return depth
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    known = np.where(np.isfinite(depth), depth, np.float32(np.inf))
    near = cv2.erode(known, cross, iterations=pixels, borderType=cv2.BORDER_REPLICATE)
    with np.errstate(invalid="ignore"):
        covered = known > near * np.float32(1 + jump)
    return np.where(covered, near, depth).astype(np.float32)
