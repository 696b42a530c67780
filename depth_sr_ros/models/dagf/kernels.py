"""DAGF's kernels: how they are learnt (eqs. 11-14) and how they filter (eq. 18). See `models.dagf.dagf`."""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import float32_on
from depth_sr_ros.models.layers.adaptive_norm import ConvNormAct, conv_act

Combination = Literal["attention", "multiply", "sum", "depth", "guide"]
AttentionActivation = Literal["none", "sigmoid"]
KernelNorm = Literal["none", "batch"]


class AttentionUNet(nn.Module):
    """Five-layer U-shaped network with pixel (un)shuffling (eq. 13); height and width are multiples of 4."""

    def __init__(self, channels: int, norm_momentum: float) -> None:
        super().__init__()
        deepest = 4 * channels
        layer = partial(ConvNormAct, kernel_size=3, momentum=norm_momentum)
        self.encoder_1 = layer(channels, channels // 2)
        self.encoder_2 = layer(2 * channels, channels)
        self.bottom = nn.Sequential(layer(deepest, deepest), layer(deepest, deepest))
        self.decoder_1 = layer(deepest, 2 * deepest)
        self.decoder_2 = layer(2 * channels, 4 * channels)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to the same shape."""
        half = F.pixel_unshuffle(self.encoder_1(features), 2)
        quarter = F.pixel_unshuffle(self.encoder_2(half), 2)
        half = F.pixel_shuffle(self.decoder_1(self.bottom(quarter) + quarter), 2) + half
        return F.pixel_shuffle(self.decoder_2(half), 2) + features


class KernelGenerator(nn.Module):
    """Attentional kernel learning: one k x k kernel per pixel from depth and guide features (eqs. 11-14).

    Args:
        channels: of either feature map.
        kernel_size: k.
        combination: how the two kernels become one, see `depth_sr_ros.models.dagf.dagf.DAGF`.
        norm_momentum: of the running statistics in the attention network.
        attention_activation: what bounds the attention map, see `depth_sr_ros.models.dagf.dagf.DAGF`.
        kernel_norm: what the softmax over the taps is taken of, see `depth_sr_ros.models.dagf.dagf.DAGF`.
    """

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        combination: Combination,
        norm_momentum: float,
        attention_activation: AttentionActivation = "none",
        kernel_norm: KernelNorm = "none",
    ) -> None:
        super().__init__()
        taps = kernel_size**2
        layer = partial(ConvNormAct, kernel_size=3, momentum=norm_momentum)
        self.combination, self.taps, self.attention_activation = combination, taps, attention_activation
        self.divisor = nn.Parameter(torch.full((1,), 0.5 * taps))
        sources = [combination] if combination in ("depth", "guide") else ["depth", "guide"]
        self.kernels = nn.ModuleDict({s: _head(channels, taps, kernel_norm, norm_momentum) for s in sources})
        self.attention = (
            nn.Sequential(layer(2 * channels, channels), AttentionUNet(channels, norm_momentum), layer(channels, 1))
            if combination == "attention"
            else None
        )

    def forward(self, depth: Tensor, guide: Tensor) -> Tensor:
        """Features (B, C, H, W) of both modalities to kernels (B, k * k, H, W), taps in row-major order."""
        features = {"depth": depth, "guide": guide}
        raw = {source: head(features[source]) for source, head in self.kernels.items()}
        attention = None if self.attention is None else self.attention(torch.cat((depth, guide), dim=1))
        with float32_on(depth.device):
            # planes from here on: the filter reads one tap after the other
            kernels = [torch.softmax(k.float().contiguous(), dim=1) for k in raw.values()]
            kernel = self._combine(kernels, None if attention is None else attention.float())
            kernel = torch.tanh(kernel) / (self.divisor + 1e-8)
            return kernel / (kernel.abs().sum(dim=1, keepdim=True) + 1e-4).clamp(min=1.0)

    def _combine(self, kernels: list[Tensor], attention: Tensor | None) -> Tensor:
        if len(kernels) == 1:
            return kernels[0]
        depth, guide = kernels
        if attention is not None:
            attention = torch.sigmoid(attention) if self.attention_activation == "sigmoid" else attention
            return guide + attention * (depth - guide)
        return depth * guide if self.combination == "multiply" else 0.5 * (depth + guide)


def filter_coarse(features: Tensor, kernel: Tensor) -> Tensor:
    """Filters features, enlarged twice by nearest neighbour, with a kernel per fine pixel (eq. 18).

    The taps are 2 fine pixels apart, so each reads one coarse pixel: the enlarged map is never built.

    Args:
        features: (B, C, h, w).
        kernel: (B, k * k, 2h, 2w), taps in row-major order.

    Returns:
        (B, C, 2h, 2w); beyond the image features count as zero.
    """
    batch, channels, height, width = features.shape
    taps = kernel.shape[1]
    side = round(taps**0.5)
    if torch.is_grad_enabled() and kernel.requires_grad:
        return _filter_as_products(features, kernel)
    padded = F.pad(features, [side // 2] * 4)
    phases = F.pixel_unshuffle(kernel, 2).reshape(batch, taps, 1, 4, height, width)
    total: Tensor | None = None
    for tap in range(taps):
        row, column = divmod(tap, side)
        shifted = padded[:, :, row : row + height, column : column + width].unsqueeze(2)
        term = shifted * phases[:, tap]
        total = term if total is None else total + term
    assert total is not None
    return F.pixel_shuffle(total.reshape(batch, channels * 4, height, width), 2)


def _filter_as_products(features: Tensor, kernel: Tensor) -> Tensor:
    """As `filter_coarse`, by a small matrix product per coarse pixel: its gradient moves far less memory."""
    batch, channels, height, width = features.shape
    taps = kernel.shape[1]
    side = round(taps**0.5)
    rows = F.pad(features.permute(0, 2, 3, 1), (0, 0, *[side // 2] * 4))
    shifted = [rows[:, i : i + height, j : j + width] for i in range(side) for j in range(side)]
    patches = torch.stack(shifted, dim=3).reshape(-1, taps, channels)
    phases = F.pixel_unshuffle(kernel, 2).reshape(batch, taps, 4, height, width).permute(0, 3, 4, 2, 1)
    product = torch.matmul(phases.reshape(-1, 4, taps).to(features.dtype), patches)
    fine = product.reshape(batch, height, width, 2, 2, channels).permute(0, 1, 3, 2, 4, 5)
    return fine.reshape(batch, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)


def _head(channels: int, taps: int, kernel_norm: KernelNorm, norm_momentum: float) -> nn.Sequential:
    norm = [] if kernel_norm == "none" else [nn.BatchNorm2d(taps, eps=1e-3, momentum=norm_momentum)]
    return nn.Sequential(*conv_act(channels, channels, 1), nn.Conv2d(channels, taps, 1), *norm)
