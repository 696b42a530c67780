"""Filters a registered start image under the colour image: the best that there is without a network.

OpenCV's fast global smoother (Min et al. 2014), with each pixel weighted by its quality: what was measured says what
the depth is, and where only a footprint or a filling is known the colour image decides how far that reaches. Surfaces
that are not farther apart than the local noise explains are one surface. On three scenes of Middlebury 2014 seen by a
simulated time-of-flight camera 5 cm beside the colour camera, mean absolute error in mm overall / at edges, at 1, 2, 4
and 8 colour pixels per depth pixel (settings were chosen on the scenes of docs/cameras.md):

| | 1 | 2 | 4 | 8 |
|---|---|---|---|---|
| start image | 11.4 / 27 | 15.0 / 45 | 21.7 / 73 | 33.7 / 117 |
| joint bilateral filter, 9 pixels | 9.2 / 32 | 13.0 / 45 | 19.7 / 69 | 32.0 / 110 |
| guided filter, 9 pixels | 14.5 / 51 | 16.7 / 59 | 21.9 / 77 | 32.9 / 111 |
| fast global smoother | 9.6 / 30 | 13.3 / 44 | 19.7 / 67 | 31.8 / 105 |
| the same by quality and noise (this one) | 7.8 / 26 | 11.1 / 38 | 16.6 / 56 | 27.6 / 89 |
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.registration import Registered
from depth_sr_ros.live.noise import local_noise

NAME = "fast global smoother weighted by quality"
"""What to call it."""

NOISE_M, NOISE_SHARE = 0.005, 0.012
"""What a measured pixel moves by at most, metres at depth 0 and per metre of depth: a sensor's noise."""

_WEIGHTS = np.array((0.0, 0.04, 0.03, 1.0), np.float32)  # nothing, filled, footprint, measured
_EDGE_WEIGHT = np.float32(0.015)  # of what is measured beside an edge: silhouettes are fat, and calibrations off
_SMOOTHNESS, _COLOUR_SIGMA = 5.0, 5.5  # at 1 colour pixel per depth pixel
_FARTHEST = np.finfo(np.float32).max
_DECISION = np.float32(2.0)  # how much steeper than the filter an edge goes from the near surface to the far one
_APART = np.float32(15.0)  # standard deviations of the noise between two surfaces; what is nearer is one noisy surface


def filtered(rgb: NDArray[np.uint8], registered: Registered, ratio: float) -> NDArray[np.float32]:
    """Depth at the colour image's size.

    What is measured moves by its noise; at edges and in holes the result lies between the near and the far hypothesis.

    Args:
        rgb: (H, W, 3) uint8.
        registered: of the same size, its holes filled.
        ratio: colour pixels per depth pixel.

    Returns:
        (H, W) float32 metres, finite.
    """
    start, near, far = registered.start, registered.near, registered.far
    log_start = np.log(start)
    noise = local_noise(registered, log_start, ratio)
    with np.errstate(over="ignore"):  # of what is as far as a float can hold
        question = far - near > _APART * noise * near
    weight = _WEIGHTS[registered.quality]
    np.multiply(weight, _EDGE_WEIGHT, out=weight, where=question & (weight == 1))
    smoother = cv2.ximgproc.createFastGlobalSmootherFilter(
        np.ascontiguousarray(rgb), _SMOOTHNESS * ratio**0.5, _COLOUR_SIGMA * ratio**0.25
    )
    # in logarithms the farthest that a float can hold weighs no more than ten walls
    with np.errstate(over="ignore"):  # as above
        smooth = np.exp(smoother.filter(log_start * weight) / smoother.filter(weight))
        width = np.where(question, far - near, np.float32(1))
        between = np.clip(((smooth - near) / width - np.float32(0.5)) * _DECISION + np.float32(0.5), 0, 1)
        decided = np.where(question, near + between * width, smooth)
        bound = np.float32(NOISE_M) + np.float32(NOISE_SHARE) * start
        return np.asarray(np.clip(decided, near - bound, np.minimum(far + bound, _FARTHEST)), np.float32)
