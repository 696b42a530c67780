"""Frames on which value ranges are measured where nobody gives any: the golden frame and others made of it.

One small frame does not show what colours and depths do to each channel; a brighter scene would leave the ranges it
sets. The same scene with colours inverted, swapped and of twice the contrast, and with depth turned around, shows more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays
from depth_sr_ros.frame_graphs import LIVE


def golden_frames(artifact: Artifact) -> list[Arrays]:
    """Inputs of the artifact's golden frame first, then those made of it."""
    frame = artifact.golden_inputs()
    rgb = frame["rgb"]
    contrast = np.clip(2 * rgb.astype(np.int16) - 128, 0, 255).astype(np.uint8)
    turned = _mirrored(frame) if artifact.card.form is LIVE else {"depth": _turned(frame["depth"])}
    swapped = np.ascontiguousarray(contrast[..., ::-1])
    return [
        frame,
        {**frame, "rgb": 255 - rgb},
        {**frame, "rgb": contrast},
        {**frame, **turned, "rgb": 255 - contrast},
        {**frame, **turned, "rgb": swapped},
    ]


def _turned(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Near becomes far and far near, within the same range, metres; 0 stays invalid."""
    known = depth[depth > 0]
    return np.where(depth > 0, known.min() + known.max() - depth, 0).astype(np.float32)


def _mirrored(frame: Arrays) -> Arrays:
    """As `_turned` for a registered frame, around the median, by factors: one pixel may be farther than all others."""
    middle = np.median(frame["start"]) ** 2
    return {name: middle / frame[of] for name, of in (("start", "start"), ("near", "far"), ("far", "near"))}
