"""Layers that live networks share: normalised convolutions, a branch of them, and a wider view."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 2, 4, 1)
"""Of the layers of `Context`."""


class Context(nn.Module):
    """A wider view at half of the positions' resolution, as what it adds to their features.

    It reaches 1 + sum(DILATIONS) of its own positions each way.

    Args:
        inputs: channels that come.
        width: channels within.
        outputs: channels that are given.
    """

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(*layer(inputs, width, stride=2))
        self.layers = nn.ModuleList(nn.Sequential(*layer(width, width, dilation=d)) for d in DILATIONS)
        self.enlarge = nn.Conv2d(width, 4 * outputs, 1)

    def forward(self, seen: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w); h and w even."""
        seen = self.reduce(seen)
        for one in self.layers:
            seen = seen + one(seen)
        return F.pixel_shuffle(self.enlarge(seen), 2)


def branch(channels: int, width: int) -> nn.Sequential:
    """Two of `layer`: (B, channels, h, w) to (B, width, h, w)."""
    return nn.Sequential(*layer(channels, width), *layer(width, width))


def layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    """A 3 x 3 convolution, normalised, and a ReLU."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
