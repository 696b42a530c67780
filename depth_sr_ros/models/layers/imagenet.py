"""How networks with ImageNet's backbones normalise their guide."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)
"""Of ImageNet's images in [0, 1], each channel, RGB."""

DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of each channel, RGB."""


class Normalisation(nn.Module):
    """Takes ImageNet's mean from an image and divides by its deviation. It holds nothing that weights would carry."""

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W), RGB in [0, 1] -> the same size, float32, about zero mean and unit deviation."""
        return (image.float() - self.mean) / self.deviation
