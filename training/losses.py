"""Training losses."""

from __future__ import annotations

from torch import Tensor


def masked_l1(output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error over the pixels where `valid` is 1; all (B, 1, H, W)."""
    return ((output - target).abs() * valid).sum() / valid.sum().clamp(min=1)
