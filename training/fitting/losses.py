"""Training losses, by the names that recipes use.

A loss takes what `GuidedUpsampler.training_outputs` gives, the ground truth, its mask and how far the run is. Terms
can be weighted into sums (`weighted`); the sums that the papers train with have names of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.models.base import float32_on

Outputs = Mapping[str, Tensor]

Loss = Callable[[Outputs, Tensor, Tensor, float], Tensor]
"""(outputs, target (B, 1, H, W), valid (B, 1, H, W) of 0 and 1, share of the run that is done) -> scalar."""

_CHARBONNIER = 1e-3
# bicubic's squared error, in normalised depth, below which a crop counts less and less
_EASY = 1e-4
# where the slope of the square root ends: a hundredth of bicubic's error
_FLAT = 1e-4


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean over the pixels where `valid` is 1; 0 where there are none."""
    return (values * valid).sum() / valid.expand_as(values).sum().clamp(min=1)


def masked_l1(output: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute error over the pixels where `valid` is 1; all (B, 1, H, W)."""
    return masked_mean((output - target).abs(), valid)


def l1(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """Absolute error of the result; all six papers' main term."""
    return masked_l1(outputs["depth"], target, valid)


def l2(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """Squared error of the result."""
    return masked_mean((outputs["depth"] - target).square(), valid)


def relative_rmse(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """RMSE of the result over that of the bicubic start image, `outputs["start"]`, crop by crop; their mean.

    This is what `dev_ratio` asks for; the plain squared error of a batch is mostly that of the crops with the largest
    steps. Whether it trains better depends on the network: `docs/training.md` has what was tried. Crops in which
    bicubic errs by less than about a hundredth of the range count for less, and crops count by their valid pixels.
    """
    pixels = valid.sum(dim=(1, 2, 3), keepdim=True)

    def mean_square(depth: Tensor) -> Tensor:
        return ((depth - target).square() * valid).sum(dim=(1, 2, 3), keepdim=True) / pixels.clamp(min=1)

    ratio = mean_square(outputs["depth"]) / (mean_square(outputs["start"]) + _EASY)
    crops = (ratio + _FLAT).sqrt() - _FLAT**0.5
    return (crops * pixels).sum() / pixels.sum().clamp(min=1)


def charbonnier(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """sqrt(error^2 + eps^2) - eps with eps = 1e-3: absolute error with a smooth bottom."""
    error = outputs["depth"] - target
    return masked_mean((error.square() + _CHARBONNIER**2).sqrt() - _CHARBONNIER, valid)


def boundary(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """DAGF's boundary-aware loss, eq. 24 and 25: the error weighed by the product of the gradients' errors.

    Sobel gradients with zero padding, as in its code, in float32 always; the gradients' errors enter by their size. A
    pixel counts where its 3x3 neighbourhood is valid.
    """
    with float32_on(target.device):
        error = outputs["depth"].float() - target.float()
        across, down = _sobel(error).abs().split(1, dim=1)
        whole = 1 - F.max_pool2d(1 - valid.float(), 3, stride=1, padding=1)
        return masked_mean(across * down * error.abs(), whole)


def multi_stage(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """DAGF's multi-stage loss, eq. 23: absolute error of the intermediate results, fading out over the run.

    `outputs["stages"]` is (B, m - 1, H, W). The weight falls from 1 to 0 as 1 - progress. 0 where there are no
    intermediate results (DAGF with one level).
    """
    stages = outputs["stages"]
    if stages.shape[1] == 0:
        return stages.sum()
    return (1 - progress) * masked_mean((stages - target).abs(), valid)


def estimate_l1(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
    """Absolute error of BridgeNet's depth estimated from colour alone, `outputs["estimate"]`."""
    return masked_l1(outputs["estimate"], target, valid)


def weighted(weights: Mapping[str, float]) -> Loss:
    """A sum of named losses.

    Args:
        weights: factor by name in `LOSSES`.

    Raises:
        ValueError: no terms, or an unknown one.
    """
    unknown = set(weights) - set(LOSSES)
    if unknown or not weights:
        raise ValueError(f"loss: expected weights of {sorted(LOSSES)}, found {dict(weights)}")
    terms = [(LOSSES[name], factor) for name, factor in weights.items()]

    def total(outputs: Outputs, target: Tensor, valid: Tensor, progress: float) -> Tensor:
        return torch.stack([factor * term(outputs, target, valid, progress) for term, factor in terms]).sum()

    return total


LOSSES: dict[str, Loss] = {
    "l1": l1,
    "l2": l2,
    "relative_rmse": relative_rmse,
    "charbonnier": charbonnier,
    "boundary": boundary,
    "multi_stage": multi_stage,
    "estimate_l1": estimate_l1,
}
"""By name; the last ones are the papers' sums."""

BEYOND_DEPTH: dict[str, str] = {"multi_stage": "stages", "dagf": "stages", "estimate_l1": "estimate"}
"""Losses of an output other than `depth`, and which."""

OF_NEIGHBOURS = frozenset({"boundary", "dagf"})
"""Losses that compare a pixel with those around it, and so need whole images."""

# DAGF III-E (its III-D has 10 for the boundary term); DADA's code
LOSSES["dagf"] = weighted({"l1": 1.0, "boundary": 0.001, "multi_stage": 1.0})
LOSSES["dada"] = weighted({"l1": 10.0})


def _sobel(image: Tensor) -> Tensor:
    """Horizontal and vertical Sobel derivative of (B, 1, H, W), (B, 2, H, W), zero padding."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=image.device)
    return F.conv2d(image, torch.stack([across, across.T])[:, None].to(image.dtype), padding=1)
