"""Low-resolution depth of a pair's normalised depth, with what is known of the pair told to the degradation."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from training.datasets.pairs import PairEntry
from training.degradation import Scene, degradation

# cameras see metres, so for them 1 must be far
_CAMERAS = ("kinect", "tof", "live")
_METRES = {"m": 1.0, "mm": 0.001}


def scene_of(entry: PairEntry, low: float, high: float, guide: Tensor) -> Scene:
    """What is known of depth that was normalised and nothing else; millimetres become metres.

    Args:
        entry: where the depth comes from.
        low: value that became 0, in the unit of the ground truth.
        high: value that became 1.
        guide: colour, (B, 3, H, W) in [0, 1].
    """
    metres = _METRES.get(entry.unit)
    span = (low * (metres or 1.0), high * (metres or 1.0))
    return Scene(span=span, metric=metres is not None and entry.kind == "depth", guide=guide)


def coarse_depth(
    depth: Tensor, name: str, scale: int, rng: np.random.Generator, scene: Scene, near_is_one: bool
) -> Tensor:
    """(B, 1, H, W) to (B, 1, H / scale, W / scale), dense.

    Args:
        depth: normalised.
        name: of the degradation.
        scale: ratio of the two resolutions.
        rng: what the degradation draws from.
        scene: what is known of the image.
        near_is_one: whether values grow towards the camera, as disparity does.
    """
    if name in _CAMERAS and near_is_one:
        return 1 - degradation(name)(1 - depth, scale, rng, scene)
    return degradation(name)(depth, scale, rng, scene)
