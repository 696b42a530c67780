"""Pixels that are not measured at edges.

Cameras throw away pixels whose phase or match is in doubt, most of all where two surfaces meet (for Kinect v1 and v2:
Sarbolandi et al., "Kinect range sensing: structured-light versus time-of-flight Kinect", 2015).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def at_edges(seen: NDArray[np.float32], reach: int = 0, jump: float = 0.05) -> NDArray[np.bool_]:
    """Pixels in whose square, or near it, the farthest sample is beyond the nearest by a share.

    Args:
        seen: (h, w, n) samples of each pixel, metres, NaN where unknown.
        reach: how many pixels around are looked at, too.
        jump: the share.
    """
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    near = cv2.erode(np.where(np.isfinite(seen), seen, np.float32(np.inf)).min(axis=-1), square)
    far = cv2.dilate(np.where(np.isfinite(seen), seen, np.float32(0)).max(axis=-1), square)
    return np.asarray(np.isfinite(near) & (far.astype(np.float64) > near.astype(np.float64) * (1 + jump)))


def dropped(
    depth: NDArray[np.float32], edge: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Depth (h, w) with a random share of the pixels at edges NaN."""
    gone = edge & (rng.random(depth.shape, dtype=np.float32) < share)
    return np.where(gone, np.float32(np.nan), depth)
