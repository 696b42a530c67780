"""What another camera, other light and other settings would make of a colour image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.two_cameras.ranges import log_uniform

_GAIN, _CAST, _GAMMA = (0.6, 1.5), 0.06, (0.75, 1.35)
_NOISE, _BLUR = (0.002, 0.03), (0.4, 1.4)  # of values in [0, 1]; pixels


def varied(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Colour (H, W, 3) in [0, 1] under a random exposure, white balance, gamma, blur and noise.

    A quarter of the images stays as it is.
    """
    guide = (rgb / np.float32(255)).astype(np.float32)
    if rng.random() < 0.25:
        return guide
    gain = log_uniform(_GAIN, rng) * np.exp(rng.normal(0, _CAST, 3))
    gamma = log_uniform(_GAMMA, rng)
    guide = np.asarray(cv2.pow(np.clip(guide * gain.astype(np.float32), 0, 1), gamma), np.float32)
    if rng.random() < 0.3:
        guide = np.asarray(cv2.GaussianBlur(guide, (0, 0), rng.uniform(*_BLUR)), np.float32)
    if rng.random() < 0.4:
        noise = np.float32(log_uniform(_NOISE, rng))
        guide = guide + noise * rng.standard_normal(guide.shape, dtype=np.float32)
    return np.clip(guide, 0, 1).astype(np.float32)
