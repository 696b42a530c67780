"""What the depth camera sees and its projector, or its second camera, does not.

Structured light and stereo measure a pixel only where both ends of their baseline see it. Beside a near surface, on the
side away from the other end, a strip of the far one is lost, as wide as their disparities differ (Khoshelham and
Elberink, "Accuracy and resolution of Kinect depth data", 2012, call it shadow; for stereo it is half-occlusion,
Scharstein and Szeliski, 2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.compiled import compiled

_WITHIN = 0.5  # pixels by which disparities may be out of order on one surface


@dataclass(frozen=True)
class Shadow:
    """The other end of the sensor's own baseline.

    Attributes:
        baseline: metres between the depth camera and its projector or second camera; 0 casts no shadow. Where it is
            positive the other end stands to the right, where it is negative to the left.
    """

    baseline: float = 0.0

    def mask(self, depth: NDArray[np.float32], focal: float) -> NDArray[np.bool_]:
        """Which pixels (h, w) the other end does not see.

        Args:
            depth: metres, NaN where unknown; that hides nothing.
            focal: of the depth camera, pixels.
        """
        hidden = np.zeros(depth.shape, np.bool_)
        if self.baseline:
            disparity = np.where(depth > 0, abs(self.baseline) * focal / np.maximum(depth, 1e-3), np.nan)
            toward_right = self.baseline > 0
            lost = hidden if toward_right else hidden[:, ::-1]
            _hide(np.ascontiguousarray(disparity if toward_right else disparity[:, ::-1]), lost)
        return hidden


@compiled
def _hide(disparity: Any, hidden: Any) -> None:
    """Marks what is hidden from a view to the right, where a pixel is seen `disparity` to the left of its column."""
    height, width = disparity.shape
    for y in range(height):
        nearest = np.inf
        for x in range(width - 1, -1, -1):
            place = x - disparity[y, x]
            if place != place:
                continue
            if place > nearest + _WITHIN:
                hidden[y, x] = True
            nearest = min(nearest, place)
