"""What a degradation knows about a pair."""

from __future__ import annotations

from torch import Tensor

from training.datasets.pairs import PairEntry
from training.datasets.units import metres_per_unit
from training.degradation import Scene


def scene_of(entry: PairEntry, low: float, high: float, guide: Tensor, valid: Tensor) -> Scene:
    """What is known of depth that was normalised and nothing else; metric depth becomes metres.

    Args:
        entry: where the depth comes from.
        low: value that became 0, in the unit of the ground truth.
        high: value that became 1.
        guide: colour, (B, 3, H, W) in [0, 1].
        valid: (B, 1, H, W), non-zero where the depth is real ground truth.
    """
    metres = metres_per_unit(entry)
    span = (low * (metres or 1.0), high * (metres or 1.0))
    return Scene(span, metres is not None, guide, near_is_one=entry.kind == "disparity", valid=valid)
