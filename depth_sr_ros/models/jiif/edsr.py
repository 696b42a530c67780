"""The EDSR-baseline encoder, without its up-sampling tail.

Bee Lim, Sanghyun Son, Heewon Kim, Seungjun Nah, Kyoung Mu Lee, "Enhanced Deep Residual Networks for Single Image
Super-Resolution", CVPR Workshops 2017: residual blocks without normalisation layers and with a long skip.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with a ReLU between them, added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, width, H, W) -> (B, width, H, W)."""
        residual: Tensor = self.second(self.activation(self.first(features)))
        return features + residual


class EdsrEncoder(nn.Module):
    """Features at the resolution of the image.

    Args:
        channels: channels of the image.
        width: channels of the features.
        blocks: residual blocks; each widens the receptive field by four pixels.
        stride: 2 works at half the resolution on squares of 2 x 2 pixels, 4 at a quarter, and takes the features
            apart at the end.
    """

    def __init__(self, channels: int, width: int = 128, blocks: int = 16, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.head = nn.Conv2d(channels * stride**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, width, 3, padding=1)
        self.apart = nn.Conv2d(width, width * stride**2, 1) if stride > 1 else None

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, width, H, W); H and W are multiples of the stride."""
        shallow = self.head(image if self.apart is None else F.pixel_unshuffle(image, self.stride))
        deep: Tensor = shallow + self.last(self.blocks(shallow))
        return deep if self.apart is None else F.pixel_shuffle(self.apart(deep), self.stride)
