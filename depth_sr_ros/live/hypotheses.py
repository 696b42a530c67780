"""Which pixels a live network may choose between two surfaces for.

A filled pixel that has something measured on one side of its row alone lies beyond the depth camera's view. Its second
surface would be nothing but a guess, and a network that chooses there makes patches: on frames of a real Kinect,
against their own truth, the mean error was 14.5 mm instead of 12.5 mm.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.registration import FOOTPRINT, Registered


def for_network(registered: Registered, smooth: NDArray[np.float32]) -> Registered:
    """What a network gets of a registered frame.

    Args:
        registered: with its holes filled.
        smooth: (H, W) metres, the start image as the live filter leaves it.

    Returns:
        With `smooth` as start image, and as both hypotheses of pixels beyond the depth camera's view.
    """
    known = registered.quality >= FOOTPRINT
    beyond = ~(np.logical_or.accumulate(known, 1) & np.logical_or.accumulate(known[:, ::-1], 1)[:, ::-1])
    if not beyond.any():
        return replace(registered, start=smooth)
    near, far = (np.where(beyond, smooth, surface) for surface in (registered.near, registered.far))
    return replace(registered, start=smooth, near=near, far=far)
