"""Steps of the values that a camera gives.

Time of flight comes in steps of a unit, mostly millimetres. Structured light and stereo count steps of disparity, so
steps of depth grow with the square of the distance: 2.85e-3 z² metres for Kinect v1 (Khoshelham and Elberink, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Steps:
    """Rounds inverse depth, then depth; 0 leaves either as it is.

    Attributes:
        inverse: step of inverse depth, 1 / m; that of depth is this times z².
        unit: step of depth, metres.
    """

    inverse: float = 0.0
    unit: float = 0.001

    def rounded(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth (h, w) in metres in these steps."""
        z = depth.astype(np.float64)
        if self.inverse:
            z = 1 / (np.maximum(np.rint(1 / (z * self.inverse)), 1) * self.inverse)
        if self.unit:
            z = np.rint(z / self.unit) * self.unit
        return np.asarray(z, np.float32)
