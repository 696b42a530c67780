"""Noise along the ray.

Structured light and stereo measure disparity, so their noise grows with the square of the distance: standard deviation
1.425e-3 z² metres for Kinect v1 (Khoshelham and Elberink, "Accuracy and resolution of Kinect depth data", 2012). That
of time of flight grows by signal, for which a line is taken: 1 to 3 mm in Kinect v2's middle (Fankhauser et al.,
"Kinect v2 for mobile robot navigation", 2015), up to 17 mm for Azure Kinect (its data sheet; Tölgyessy et al., 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AxialNoise:
    """Independent Gaussian noise of standard deviation `constant + share * z + square * z²`.

    Attributes:
        constant: metres.
        share: of the distance.
        square: metres per square metre.
    """

    constant: float = 0.0
    share: float = 0.0
    square: float = 0.0

    def added(self, depth: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Depth (h, w) in metres with noise."""
        sigma = self.constant + self.share * depth + self.square * depth**2
        return np.asarray(depth + sigma * rng.standard_normal(depth.shape, dtype=np.float32), np.float32)
