"""How noisy a registered image is, place by place, as a share of the depth.

A measured pixel is compared with the mean of its two neighbours one depth pixel away: surfaces cancel out, noise stays.
Means over a window follow a sensor whose noise grows with distance or differs over its image, and a pixel says nothing
about another one farther away than that.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.registration import MEASURED, Registered

WINDOW = 31
"""Colour pixels that a mean is taken over."""

LEAST, MOST = 0.001, 0.01
"""Shares of the depth that noise is taken to lie between: steps hide smaller noise, edges feign larger."""

TYPICAL = 0.0025
"""The share where nothing is measured."""

_SURFACE = np.float32(1.08)  # farthest over nearest depth around a pixel, up to which it is on one surface
_DEVIATION = 1.2533 / 1.2247  # standard deviation of Gaussian noise, by the mean size of x - (y + z) / 2
_STRIDE = 2  # every second pixel of every second row is looked at
_PRIOR = 8.0  # comparisons that `TYPICAL` counts like


def local_noise(registered: Registered, log_depth: NDArray[np.float32], ratio: float) -> NDArray[np.float32]:
    """Standard deviation of the noise around each pixel, as a share of the depth, between `LEAST` and `MOST`.

    Args:
        registered: holes filled.
        log_depth: (H, W) natural logarithm of its start image.
        ratio: colour pixels per depth pixel.

    Returns:
        (H, W) float32.
    """
    step = max(1, round(ratio))
    with np.errstate(over="ignore"):  # of what is as far as a float can hold
        calm = (registered.quality == MEASURED) & (registered.far < registered.near * _SURFACE)
    height, width = calm.shape
    looked_at = -(-height // _STRIDE), -(-width // _STRIDE)
    total, count = np.zeros(looked_at, np.float32), np.zeros(looked_at, np.float32)
    for axis in (0, 1):
        target, before, middle, after = _places(calm.shape, axis, step)
        known = (calm[before] & calm[middle] & calm[after]).astype(np.float32)
        difference = np.abs(log_depth[middle] - np.float32(0.5) * (log_depth[before] + log_depth[after]))
        total[target] += difference * known
        count[target] += known
    window = (WINDOW // _STRIDE, WINDOW // _STRIDE)
    total, count = (cv2.boxFilter(image, -1, window, normalize=False) for image in (total, count))
    deviation = (total * np.float32(_DEVIATION) + np.float32(TYPICAL * _PRIOR)) / (count + np.float32(_PRIOR))
    noise = np.clip(deviation, LEAST, MOST)
    return np.asarray(noise.repeat(_STRIDE, 0)[:height].repeat(_STRIDE, 1)[:, :width], np.float32)


def _places(size: tuple[int, ...], axis: int, step: int) -> tuple[tuple[slice, slice], ...]:
    """Which means a row or column of pixels belongs to, and the pixels `step` before, at and after each place."""
    first = -(-step // _STRIDE)  # so that the place before it is in the image
    last = max(first, (size[axis] - 1 - step) // _STRIDE + 1)
    along = [slice(first, last)]
    along += [slice(first * _STRIDE + by, (last - 1) * _STRIDE + 1 + by, _STRIDE) for by in (-step, 0, step)]
    if last == first:
        along = [slice(0, 0)] * 4
    across = [slice(None), *[slice(None, None, _STRIDE)] * 3]
    pairs = zip(along, across, strict=True) if axis == 0 else zip(across, along, strict=True)
    return tuple((rows, columns) for rows, columns in pairs)
