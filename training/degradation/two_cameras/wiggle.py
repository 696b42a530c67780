"""Time of flight's periodic error in distance ("wiggling").

The light is no sine, so the phase that is computed from four samples errs periodically with the distance, by up to a
centimetre or two, with a period of an eighth to a quarter of the modulation's wavelength (Lindner and Kolb, "Lateral
and depth calibration of PMD-distance sensors", 2006; Foix, Alenyà and Torras, 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Wiggle:
    """Error `amplitude * sin(2 pi z / period + phase)`.

    Attributes:
        amplitude: metres.
        period: metres of distance.
        phase: radians.
    """

    amplitude: float = 0.0
    period: float = 1.0
    phase: float = 0.0

    def added(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Depth (h, w) in metres with the error."""
        if not self.amplitude:
            return depth
        angle = depth * np.float32(2 * np.pi / self.period) + np.float32(self.phase)
        return np.asarray(depth + np.float32(self.amplitude) * np.sin(angle), np.float32)
