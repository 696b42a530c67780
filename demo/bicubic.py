"""Bicubic up-sampling, the baseline: a = -0.5 as in PIL and in the papers' protocols, borders renormalised.

cv2.INTER_CUBIC has a = -0.75 and repeats the border; it is another operator.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.holes import fill_nearest

_A = -0.5


def upsample_bicubic(depth: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Up-samples depth; holes are filled by their nearest valid pixel first.

    Args:
        depth: (h, w) metres, NaN invalid, at least one pixel valid.
        size: (H, W) of the result, at least as large.

    Raises:
        ValueError: no pixel is valid.
    """
    filled = fill_nearest(depth, ~np.isnan(depth))
    rows, columns = _weights(depth.shape[0], size[0]), _weights(depth.shape[1], size[1])
    return (rows @ filled @ columns.T).astype(np.float32)


def _weights(source: int, target: int) -> NDArray[np.float32]:
    """(target, source) matrix of the four taps each output pixel takes; rows sum to 1."""
    position = (np.arange(target) + 0.5) * source / target - 0.5
    distance = np.abs(position[:, None] - np.arange(source)[None, :])
    weights = _cubic(distance)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    near = ((_A + 2) * x - (_A + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * _A
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
