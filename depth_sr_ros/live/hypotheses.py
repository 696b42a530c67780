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
    beyond = _beyond_view(registered.quality >= FOOTPRINT)
    if not beyond.any():
        return replace(registered, start=smooth)
    near, far = registered.near.copy(), registered.far.copy()
    for surface in (near, far):
        np.copyto(surface, smooth, where=beyond)
    return replace(registered, start=smooth, near=near, far=far)


def _beyond_view(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is left of a row's first known pixel or right of its last one; all of a row without any."""
    columns = np.arange(known.shape[1])
    first, last = known.argmax(axis=1), known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    outside = (columns < first[:, None]) | (columns > last[:, None])
    return np.asarray(outside | ~known.any(axis=1, keepdims=True))
