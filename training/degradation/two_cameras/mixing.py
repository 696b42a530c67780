"""What a depth pixel makes of all that its square sees.

A time-of-flight pixel gathers the light of its whole square: across an edge it measures a distance where nothing is, a
flying pixel (Sabov and Krüger, "Identification and correction of flying pixels in range camera data", 2008). Its
answer is taken for the mean distance. A stereo or structured-light pixel gives the distance of one surface.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Mixing(Enum):
    """How a pixel mixes: the mean over its square, or one sample in its middle."""

    MEAN = "mean"
    ONE = "one"


def samples_for(mixing: Mixing, ratio: float) -> int:
    """Samples along a depth pixel's side: odd, so that one is in the middle, and not coarser than the scene's pixels.

    Args:
        mixing: how the pixel mixes.
        ratio: pixels of the scene's image per depth pixel, along a line.
    """
    if mixing is Mixing.ONE:
        return 1
    return max(3, 2 * int(np.ceil((ratio - 1) / 2)) + 1)


def cells(fine: NDArray[np.float32], samples: int) -> NDArray[np.float32]:
    """Samples (h * n, w * n) by pixel, (h, w, n * n)."""
    height, width = fine.shape[0] // samples, fine.shape[1] // samples
    return fine.reshape(height, samples, width, samples).swapaxes(1, 2).reshape(height, width, samples * samples)


def mixed(seen: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the samples (h, w, n) of each pixel that see something; NaN where fewer than half do."""
    count = np.isfinite(seen).sum(axis=-1)
    total = np.nansum(seen, axis=-1, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(2 * count > seen.shape[-1], total / count, np.nan).astype(np.float32)
