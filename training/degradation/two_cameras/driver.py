"""What drivers do to depth before they deliver it: smoothing and hole filling.

librealsense has an edge-preserving smoother and hole filling from the left or from the nearest or farthest of the
neighbours ("Depth post-processing for Intel RealSense D400 depth cameras", Intel, 2018); Kinect's and phones' drivers
filter without saying how (for Kinect v2: bilateral and edge-aware filters, as in libfreenect2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.holes import fill_nearest

_Floats = NDArray[np.float32]
_BORDER = cv2.BORDER_REPLICATE  # by default it is the largest float, which is finite


class Smoothing(Enum):
    """How a driver smooths."""

    NONE = "none"
    MEDIAN = "median"
    BILATERAL = "bilateral"


class Filling(Enum):
    """What a driver fills holes with: nothing, or the nearest or farthest of their neighbours."""

    NONE = "none"
    NEAREST = "nearest"
    FARTHEST = "farthest"


@dataclass(frozen=True)
class Driver:
    """What a driver does; the default does nothing.

    Attributes:
        smoothing: over 3x3 pixels (median) or 5x5 (bilateral).
        noise: share of the depth that the bilateral filter takes for noise.
        filling: of holes.
        fill_reach: pixels that holes are filled by from each side.
    """

    smoothing: Smoothing = Smoothing.NONE
    noise: float = 0.01
    filling: Filling = Filling.NONE
    fill_reach: int = 2

    def applied(self, depth: _Floats) -> _Floats:
        """Depth (h, w) in metres as the driver delivers it, NaN where invalid."""
        return self._filled(self._smoothed(depth))

    def _smoothed(self, depth: _Floats) -> _Floats:
        known = np.isfinite(depth)
        if self.smoothing is Smoothing.NONE or not known.any():
            return depth
        whole = fill_nearest(np.where(known, depth, np.float32(0)), known)
        if self.smoothing is Smoothing.MEDIAN:
            smooth = cv2.medianBlur(whole, 3)
        else:
            # in logarithms noise is the same share everywhere
            smooth = np.exp(cv2.bilateralFilter(np.log(np.maximum(whole, 1e-3)), 5, 2 * self.noise, 1.5))
        return np.where(known, smooth, np.float32(np.nan)).astype(np.float32)

    def _filled(self, depth: _Floats) -> _Floats:
        if self.filling is Filling.NONE:
            return depth
        nearest = self.filling is Filling.NEAREST
        square = np.ones((3, 3), np.uint8)
        for _ in range(self.fill_reach):
            known = np.isfinite(depth)
            if nearest:
                around = cv2.erode(np.where(known, depth, np.float32(np.inf)), square, borderType=_BORDER)
            else:
                around = cv2.dilate(np.where(known, depth, np.float32(-np.inf)), square, borderType=_BORDER)
            depth = np.where(known, depth, np.where(np.isfinite(around), around, np.float32(np.nan)))
        return np.asarray(depth, np.float32)
