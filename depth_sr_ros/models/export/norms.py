"""Normalisation layers as what they are at run time: one gain and one offset per channel.

Exported graphs hold these instead of batch normalisation, so that a convolution's weights stay in the graph as they
are in the weights file, and every runtime folds the two into the convolution by itself.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from depth_sr_ros.models.layers.adaptive_norm import AdaptiveNorm


class ChannelAffine(nn.Module):
    """gain * x + offset, both (C,)."""

    gain: Tensor
    offset: Tensor

    def __init__(self, gain: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("gain", gain.detach().clone()[:, None, None])
        self.register_buffer("offset", offset.detach().clone()[:, None, None])

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        return features * self.gain + self.offset


def with_affine_norms(network: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode, with every normalisation replaced by its gain and offset.

    The original is not changed; both give the same result.
    """
    return _replaced(copy.deepcopy(network).eval())


def _replaced(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.BatchNorm2d):
        return ChannelAffine(*_batch_norm_affine(module))
    if isinstance(module, AdaptiveNorm):
        return ChannelAffine(*module.affine())
    for name, child in module.named_children():
        setattr(module, name, _replaced(child))
    return module


def _batch_norm_affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None
    gain = torch.rsqrt(norm.running_var + norm.eps)
    if norm.affine:
        gain = gain * norm.weight
    offset = -gain * norm.running_mean
    return gain, offset + norm.bias if norm.affine else offset
