"""Edges that are ragged: noise across the image.

Structured light places edges only to within a pixel: standard deviation 0.8 pixels for Kinect v1, whatever the distance
(Nguyen, Izadi and Lovell, "Modeling Kinect sensor noise for improved 3D reconstruction and tracking", 2012).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.two_cameras.fields import smooth_field

_JUMP = 0.03  # share of the depth; within a surface axial noise says it all


def ragged(
    depth: NDArray[np.float32], sigma: float, rng: np.random.Generator, length: float = 1.5
) -> NDArray[np.float32]:
    """Depth (h, w) with each pixel taken from a place beside it, where that lies on another surface.

    Args:
        depth: metres, NaN where unknown.
        sigma: standard deviation of the distance, pixels along each axis.
        rng: source of chance.
        length: pixels over which neighbours move alike.
    """
    if sigma <= 0:
        return depth
    height, width = depth.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    down, right = (np.float32(sigma) * smooth_field((height, width), length, rng) for _ in range(2))
    moved = cv2.remap(depth, x + right, y + down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    with np.errstate(invalid="ignore"):
        one_surface = np.abs(moved - depth) <= np.float32(_JUMP) * depth
    return np.where(one_surface, depth, moved).astype(np.float32)
