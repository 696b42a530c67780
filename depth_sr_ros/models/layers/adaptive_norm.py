"""Convolutions with PReLU and the adaptive normalisation of DAGF, which folds into the convolution for inference."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.layers.prelu import PReLU


class AdaptiveNorm(nn.Module):
    """w0 * x + w1 * BatchNorm(x), starting as the identity (w0 = 1, w1 = 0).

    The batch normalisation has momentum 0.999 and epsilon 1e-3 as in the release of DAGF, so its running statistics
    are nearly those of the last batch. A long training settles better with a smaller momentum.

    Args:
        channels: of the feature map.
        momentum: of the running statistics.
    """

    def __init__(self, channels: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.identity_share = nn.Parameter(torch.ones(1))
        self.norm_share = nn.Parameter(torch.zeros(1))
        self.norm: nn.BatchNorm2d | nn.SyncBatchNorm = nn.BatchNorm2d(channels, eps=1e-3, momentum=momentum)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        norm = self.norm
        # the share in the features' own type: a float32 factor would silently lift mixed precision to float32
        identity = self.identity_share.to(features.dtype) * features
        if isinstance(norm, nn.SyncBatchNorm):
            # what training in several processes on GPUs puts here; only it knows the other processes' statistics
            normalised = norm(features)
            return identity + self.norm_share.to(normalised.dtype) * normalised
        if self.training and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(1)
        scaled = F.batch_norm(
            features,
            norm.running_mean,
            norm.running_var,
            self.norm_share * norm.weight,
            self.norm_share * norm.bias,
            self.training,
            norm.momentum or 0.0,
            norm.eps,
        )
        return identity + scaled

    def affine(self) -> tuple[Tensor, Tensor]:
        """Gain and offset per channel, (C,) each, that it amounts to in evaluation mode."""
        norm = self.norm
        assert norm.running_mean is not None and norm.running_var is not None
        gain = self.norm_share * norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return self.identity_share + gain, self.norm_share * norm.bias - gain * norm.running_mean


class ConvNormAct(nn.Module):
    """Convolution, adaptive normalisation, PReLU."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2)
        self.norm: nn.Module = AdaptiveNorm(outputs, momentum)
        self.activation = PReLU()

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C', h, w)."""
        return self.activation(self.norm(self.conv(features)))

    @torch.no_grad()
    def fold(self) -> None:
        """Moves the normalisation into the convolution; the result in evaluation mode stays the same."""
        if isinstance(self.norm, AdaptiveNorm) and self.conv.bias is not None:
            gain, offset = self.norm.affine()
            self.conv.weight.mul_(gain[:, None, None, None])
            self.conv.bias.mul_(gain).add_(offset)
            self.norm = nn.Identity()


def conv_act(inputs: int, outputs: int, kernel_size: int) -> list[nn.Module]:
    """Convolution that keeps the size, and PReLU with one slope."""
    return [nn.Conv2d(inputs, outputs, kernel_size, padding=kernel_size // 2), PReLU()]


def fold_norms(network: nn.Module) -> None:
    """Folds every adaptive normalisation of a network in evaluation mode, in place; nothing can be trained after.

    For PyTorch alone: exported graphs keep gain and offset apart (`models.export.norms`), runtimes fold them.
    """
    for module in network.modules():
        if isinstance(module, ConvNormAct):
            module.fold()
