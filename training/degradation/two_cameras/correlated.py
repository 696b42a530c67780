"""Noise that neighbouring pixels share, and slow bias.

Stereo and structured light match windows, so that neighbours err alike: the noise of Kinect v1 is correlated over
several pixels (Mallick, Das and Majumdar, "Characterizations of noise in Kinect depth images: a review", 2014), that of
RealSense shows as dimples of some pixels ("Best known methods for tuning Intel RealSense D400 depth cameras", Intel,
2018). Bias over the whole image comes from the lens, temperature and per-pixel delays: up to 1 to 2 cm for
time-of-flight cameras (Foix, Alenyà and Torras, "Lock-in time-of-flight cameras: a survey", 2011; Azure Kinect's data
sheet: 11 mm + 0.1 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.degradation.two_cameras.fields import smooth_field


@dataclass(frozen=True)
class CorrelatedNoise:
    """Gaussian noise of standard deviation `constant + share * z + square * z²` that varies over `length` pixels.

    Attributes:
        constant: metres.
        share: of the distance.
        square: metres per square metre.
        length: pixels over which correlation falls to 1 / e; `smooth_field` says how.
    """

    constant: float = 0.0
    share: float = 0.0
    square: float = 0.0
    length: float = 2.0

    def added(self, depth: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Depth (h, w) in metres with noise."""
        if not (self.constant or self.share or self.square):
            return depth
        size = depth.shape[0], depth.shape[1]
        sigma = self.constant + self.share * depth + self.square * depth**2
        return np.asarray(depth + sigma * smooth_field(size, self.length, rng), np.float32)
