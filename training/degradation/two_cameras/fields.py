"""Random fields over an image, with a length that they vary over."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def smooth_field(size: tuple[int, int], length: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A Gaussian random field of mean 0 and standard deviation 1 (over many fields).

    White noise through a Gaussian of standard deviation `length / 2`, so that the correlation of two pixels that are d
    apart is exp(-d² / length²): it falls to 1 / e at `length`.

    Args:
        size: (height, width).
        length: correlation length, pixels; at 0 pixels are independent.
        rng: source of chance.
    """
    if length <= 0:
        return rng.standard_normal(size, dtype=np.float32)
    # a long one is made on a coarser grid, of which it spans four cells
    step = max(1, int(length / 4))
    sigma = length / step / 2
    pad = 2 + math.ceil(3 * sigma)
    coarse = [math.ceil(side / step) + 2 * pad for side in size]
    white = rng.standard_normal(coarse, dtype=np.float32)
    kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma)
    smooth = cv2.sepFilter2D(white, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    field = np.asarray(smooth / np.float32((kernel**2).sum()), np.float32)
    if step > 1:
        field = np.asarray(cv2.resize(field, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC), np.float32)
    top = left = pad * step
    return np.ascontiguousarray(field[top : top + size[0], left : left + size[1]], np.float32)
