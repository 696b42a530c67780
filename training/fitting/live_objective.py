"""What a live network is trained to minimise: errors of depth, how sure it says it is, and which surface it chose.

Errors count in units of a centimetre or a per cent of the true depth, the larger (`models.live.network.error_unit`),
so that near and far pixels weigh alike and a crop's distance does not set the length of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.models.live.network import LiveNetwork, LiveOutputs, error_unit

Batch = Mapping[str, Tensor]
"""Crops: `guide` (B, 3, S, S) in [0, 1]; `start`, `near`, `far` (B, 1, S, S) metres, dense; `quality` (B, 1, S, S)
uint8; `truth` (B, 1, S, S) metres, NaN where unknown."""


@dataclass(frozen=True)
class LiveWeights:
    """Factors of the terms.

    Attributes:
        l1: of the absolute error of depth.
        blended: of that of the image before the kernels, which the choice between two surfaces alone makes.
        laplace: of the negative log-likelihood of the error under the expected one.
        which: of the cross entropy of far against near.
    """

    l1: float = 1.0
    blended: float = 0.2
    laplace: float = 0.5
    which: float = 1.0


CLEAR_GAP = 4.0
"""Units by which near and far have to differ for the choice between them to be taught."""
CLEAR_SHARE = 0.25
"""Share of the gap within which truth has to lie from one of them."""
_FULL_GAP = 20.0  # units from which a choice weighs in full
_LEAST_ERROR = 0.2  # units of error, below which a crop does not weigh more


def live_losses(network: LiveNetwork, batch: Batch) -> dict[str, Tensor]:
    """Runs a network on a batch and gives each term by its name in `LiveWeights`, scalars."""
    outputs = network(*(batch[key] for key in ("guide", "start", "near", "far", "quality")))
    return loss_terms(outputs, batch)


def total_loss(terms: Mapping[str, Tensor], weights: LiveWeights = LiveWeights()) -> Tensor:
    """The weighted sum that is minimised."""
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()


def loss_terms(outputs: LiveOutputs, batch: Batch) -> dict[str, Tensor]:
    """The terms for what a network gave, each a mean over the pixels that have a truth; 0 where none has."""
    known = torch.isfinite(batch["truth"])
    # not-a-number times zero would stay one
    truth = torch.where(known, batch["truth"], outputs.depth.detach().float())
    unit = error_unit(truth)
    error = (outputs.depth - truth).abs() / unit
    expected = outputs.error / unit
    weight = _crop_weight((batch["start"] - truth).abs() / unit, known)
    return {
        "l1": _mean(error * weight, known),
        "blended": _mean((outputs.blended - truth).abs() / unit * weight, known),
        "laplace": _mean(error / expected + expected.log(), known),
        "which": _which(outputs.which, batch["near"], batch["far"], truth, known),
    }


def _crop_weight(before: Tensor, known: Tensor) -> Tensor:
    """One over a crop's mean error before the network, (B, 1, 1, 1): crops weigh alike, whatever their surfaces."""
    count = known.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    mean = torch.where(known, before, 0).sum(dim=(1, 2, 3), keepdim=True) / count
    return 1 / (mean + _LEAST_ERROR)


def _which(logit: Tensor, near: Tensor, far: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Cross entropy where near and far differ clearly and truth is clearly one of them; large gaps weigh more."""
    to_near, to_far = (truth - near).abs(), (truth - far).abs()
    gap = (far - near) / error_unit(near)
    clear = known & (gap > CLEAR_GAP) & (torch.minimum(to_near, to_far) < CLEAR_SHARE * (far - near))
    weight = (gap / _FULL_GAP).clamp(max=1)
    label = (to_far < to_near).to(logit.dtype)
    return _mean(F.binary_cross_entropy_with_logits(logit, label, reduction="none") * weight, clear)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return torch.where(where, values, 0).sum() / where.sum().clamp(min=1)
