"""Corners that are rounded and pushed away by light that comes over other walls.

In a concave corner part of the light reaches the pixel by a detour, so that distances are too long and the corner looks
round (Fuchs, "Multipath interference compensation in time-of-flight camera images", 2010; Foix, Alenyà and Torras,
2011). Here the walls beside a corner approach the surface's mean over a window, from the side of the camera, and what
surrounds the corner is pushed away by a share of how deep it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_ONE_SURFACE = 0.08  # share of the depth that a surface may rise by over the window


@dataclass(frozen=True)
class Multipath:
    """How strongly corners are rounded.

    Attributes:
        strength: 0 leaves them sharp, 1 puts the corner on the mean of its window.
        reach: half of the window's side, pixels.
        push: how much of the corner's depth below that mean is added to the distance around it.
    """

    strength: float = 0.0
    reach: int = 4
    push: float = 0.5

    def applied(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth (h, w) in metres with rounded corners; edges between two surfaces stay as they are."""
        if not self.strength:
            return depth
        side = 2 * self.reach + 1
        known = np.isfinite(depth)
        filled = np.where(known, depth, np.float32(0))
        share = cv2.blur(known.astype(np.float32), (side, side))
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = cv2.blur(filled, (side, side)) / share
        square = np.ones((side, side), np.uint8)
        near = cv2.erode(np.where(known, depth, np.float32(np.inf)), square)
        far = cv2.dilate(filled, square)
        whole = known & (far - near <= _ONE_SURFACE * near)
        deep = np.where(whole, np.maximum(filled - mean, 0), 0).astype(np.float32)
        around = cv2.blur(deep, (side, side))
        return np.asarray(depth + np.float32(self.strength) * (np.float32(self.push) * around - deep), np.float32)
