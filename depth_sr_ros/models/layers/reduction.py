"""Bicubic reduction in the exportable form, the counterpart of `interpolation.PhaseUpsampler`."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.layers.interpolation import keys_cubic, phase_weights


class PhaseReducer(nn.Module):
    """Reduction by an integer factor, equal to `resize_bicubic`, made of multiplications and additions.

    An antialiased kernel is as much wider as the image becomes smaller, so a cell's weights on the pixels of its
    neighbours are those of `phase_weights`, mirrored; at the border they are divided by their sum.

    Args:
        scale: integer factor.
    """

    weights: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.register_buffer("weights", phase_weights(scale, keys_cubic).flip(0), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, h * scale, w * scale) -> (B, C, h, w)."""
        height, width = image.shape[-2:]
        rows = self._rows(image) / self._rows(image.new_ones(1, 1, height, 1))
        columns = self._rows(rows.transpose(2, 3)) / self._rows(image.new_ones(1, 1, width, 1))
        return columns.transpose(2, 3)

    def _rows(self, image: Tensor) -> Tensor:
        batch, channels, height, width = image.shape
        cells = height // self.scale
        padded = F.pad(image.reshape(batch, channels, cells, self.scale, width), (0, 0, 0, 0, 2, 2))
        total = padded[:, :, :cells] * self.weights[0].view(-1, 1)
        for k in range(1, 5):
            total = total + padded[:, :, k : k + cells] * self.weights[k].view(-1, 1)
        return total.sum(dim=3)
