"""Frames on which value ranges are measured where nobody gives any: the golden frame and others made of it.

One small frame does not show what colours and depths do to each channel; a brighter scene would leave the ranges it
sets. The same scene with colours inverted, swapped and of twice the contrast, and with depth turned around, shows more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.tensorrt.ranges import Frame


def golden_frames(artifact: Artifact) -> list[Frame]:
    """The artifact's golden frame first, then those made of it."""
    fixture = artifact.fixture()
    rgb, depth = fixture["rgb"], fixture["depth"]
    contrast = np.clip(2 * rgb.astype(np.int16) - 128, 0, 255).astype(np.uint8)
    turned = _turned(depth)
    swapped = np.ascontiguousarray(contrast[..., ::-1])
    return [(rgb, depth), (255 - rgb, depth), (contrast, depth), (255 - contrast, turned), (swapped, turned)]


def _turned(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Near becomes far and far near, within the same range, metres; 0 stays invalid."""
    known = depth[depth > 0]
    return np.where(depth > 0, known.min() + known.max() - depth, 0).astype(np.float32)
