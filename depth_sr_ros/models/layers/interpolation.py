"""The package's one bicubic: antialiased, a = -0.5, pixel centres at half-integers, equal to PIL's `Image.BICUBIC`.

Two forms of the same operator. `resize_bicubic` is for training and evaluation. `PhaseUpsampler` is the exportable
form for an integer scale: five shifted copies of the padded low-resolution map, each times a fixed weight per
sub-pixel phase. It is made of multiplications and additions only, because inference engines run convolutions and
matrix products in reduced precision, and a start image in bfloat16 would be wrong by centimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def resize_bicubic(image: Tensor, size: Sequence[int]) -> Tensor:
    """Resizes (B, C, H, W) to `size` = (height, width), up or down."""
    return F.interpolate(image, size=list(size), mode="bicubic", antialias=True, align_corners=False)


def keys_cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5; interpolating, with negative lobes, support [-2, 2]."""
    x = x.abs()
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x < 1, inner, torch.where(x < 2, outer, torch.zeros_like(x)))


def phase_weights(scale: int, kernel: Callable[[Tensor], Tensor]) -> Tensor:
    """Weights of the five neighbours at offsets -2..2 for each sub-pixel phase, (5, scale), float32.

    Phase p of a low-resolution cell lies at (p + 0.5) / scale - 0.5 cells from the cell's centre.
    """
    phase = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    offset = torch.arange(-2, 3, dtype=torch.float64)
    return kernel(phase[None, :] - offset[:, None]).float()


class PhaseUpsampler(nn.Module):
    """Separable up-sampling by an integer factor with a fixed kernel, zero outside the map.

    Dividing the result for a map by the result for a map of ones gives `resize_bicubic` exactly, border included (with
    Keys' kernel).

    Args:
        scale: integer factor.
        kernel: one of this module's kernels.
    """

    weights: Tensor

    def __init__(self, scale: int, kernel: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("weights", phase_weights(scale, kernel), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 1, h, w) -> (B, 1, h * scale, w * scale)."""
        return self._columns(self._rows(image))

    def _rows(self, image: Tensor) -> Tensor:
        batch, _, height, width = image.shape
        padded = F.pad(image, (0, 0, 2, 2))
        parts = [
            padded[:, :, k : k + height, None, :].reshape(batch, height, 1, width) * self.weights[k].view(1, 1, -1, 1)
            for k in range(5)
        ]
        return _sum(parts).reshape(batch, 1, height * self.scale, width)

    def _columns(self, image: Tensor) -> Tensor:
        batch, _, height, width = image.shape
        padded = F.pad(image, (2, 2))
        parts = [
            padded[:, :, :, k : k + width].reshape(batch, height, width, 1) * self.weights[k].view(1, 1, 1, -1)
            for k in range(5)
        ]
        return _sum(parts).reshape(batch, 1, height, width * self.scale)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
