"""What the demo's depth camera, a simulated time-of-flight camera, makes of what its pixels see.

Each pixel averages the light of its square, so that pixels on a depth edge lie between the two sides: flying pixels
(Sabov and Krüger, "Identification and correction of flying pixels in range camera data", 2008). Noise has a standard
deviation of 2 mm + 0.3 % of the distance, between those published for Kinect v2 (Fankhauser et al., 2015) and the limit
in Azure Kinect's data sheet. At edges many pixels are not measured (Sarbolandi et al., "Kinect range sensing:
structured-light versus time-of-flight Kinect", 2015). Values come in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.depth import to_millimetres

EDGE_JUMP = 0.05
"""Share by which the farthest sample of a pixel on an edge is beyond the nearest."""
EDGE_DROPOUT, RANDOM_DROPOUT = 0.3, 0.005
"""Share of pixels without a measurement, on edges and elsewhere."""
NOISE_M, NOISE_SHARE = 0.002, 0.003
"""Standard deviation of the noise: metres, and what it grows by per metre of distance."""


@dataclass(frozen=True)
class Square:
    """What falls into the pixels' squares.

    Attributes:
        mean: (h, w) float32 metres, mean distance; NaN where half of a square or more is unknown.
        edge: (h, w) bool, whether it holds a depth edge.
    """

    mean: NDArray[np.float32]
    edge: NDArray[np.bool_]

    @classmethod
    def of(cls, samples: NDArray[np.float32]) -> Square:
        """From samples of each pixel, (h, w, n) metres, NaN where unknown."""
        known = np.isfinite(samples)
        count = known.sum(axis=-1)
        total = np.where(known, samples, 0).sum(axis=-1, dtype=np.float64)
        mean = np.where(2 * count > samples.shape[-1], total / np.maximum(count, 1), np.nan)
        nearest = np.where(known, samples, np.inf).min(axis=-1)
        farthest = np.where(known, samples, 0).max(axis=-1)
        return cls(mean.astype(np.float32), farthest > (1 + EDGE_JUMP) * nearest)


def measure(square: Square, seed: int) -> NDArray[np.uint16]:
    """What the sensor gives: (h, w) uint16 millimetres, 0 where it measures nothing.

    Args:
        square: what its pixels see.
        seed: of noise and drop-outs; one seed, one result.
    """
    rng = np.random.default_rng(seed)
    sigma = NOISE_M + NOISE_SHARE * square.mean
    noisy = square.mean + sigma * rng.standard_normal(square.mean.shape, np.float32)
    chance = np.where(square.edge, EDGE_DROPOUT, RANDOM_DROPOUT)
    noisy[rng.random(noisy.shape) < chance] = np.nan
    return to_millimetres(noisy)
