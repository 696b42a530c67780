"""Residual networks as feature extractors: a pyramid of features from 1/2 down to 1/32 of an image's size.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, "Deep Residual Learning for Image Recognition", CVPR 2016,
arXiv 1512.03385, Table 1, with the stride of a bottleneck on its 3 x 3 layer as in torchvision. Layers carry
torchvision's names, so that its published ImageNet weights fit as they are (without `fc`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

BackboneName = Literal["resnet18", "resnet50"]

LEVELS = 5
_BLOCKS: dict[str, tuple[int, ...]] = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}


class ResNet(nn.Module):
    """Feature pyramid of a ResNet.

    Args:
        name: `resnet18` (two 3 x 3 layers per block) or `resnet50` (bottlenecks).
        levels: how many levels to build, 1 (the first layer only, 1/2) to 5 (down to 1/32).
        inputs: input channels.

    Attributes:
        channels: of each level, finest first.
    """

    def __init__(self, name: BackboneName = "resnet50", levels: int = LEVELS, inputs: int = 3) -> None:
        super().__init__()
        if name not in get_args(BackboneName):
            raise ValueError(f"backbone: expected one of {get_args(BackboneName)}, found {name!r}")
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock if name == "resnet18" else Bottleneck
        self.levels = levels
        self.conv1 = nn.Conv2d(inputs, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.channels = [64]
        for index, count in enumerate(_BLOCKS[name][: levels - 1]):
            layer, channels = _layer(block, self.channels[-1], 64 << index, count, stride=1 if index == 0 else 2)
            self.add_module(f"layer{index + 1}", layer)
            self.channels.append(channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor, levels: int = LEVELS) -> list[Tensor]:
        """Features of the finest `levels` levels, or of all that were built.

        Args:
            image: (B, inputs, H, W); for ImageNet's weights, RGB behind `imagenet.Normalisation`.
            levels: coarser ones are not computed.

        Returns:
            (B, channels[i], H / 2^(i+1), W / 2^(i+1)), sizes rounded up.
        """
        features = [F.relu(self.bn1(self.conv1(image)))]
        for index in range(1, min(levels, self.levels)):
            finer = F.max_pool2d(features[0], 3, stride=2, padding=1) if index == 1 else features[-1]
            features.append(self.get_submodule(f"layer{index}")(finer))
        return features


class BasicBlock(nn.Module):
    """Two 3 x 3 layers and a shortcut.

    Args:
        inputs: channels in.
        width: channels of the inner layer.
        stride: of the first layer.
    """

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, width, H / stride, W / stride)."""
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 layers and a shortcut; four times as many channels come out as are inside.

    Args:
        inputs: channels in.
        width: channels of the 3 x 3 layer.
        stride: of the 3 x 3 layer.
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, 4 width, H / stride, W / stride)."""
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))


def _layer(
    block: type[BasicBlock] | type[Bottleneck], inputs: int, width: int, count: int, stride: int
) -> tuple[nn.Sequential, int]:
    outputs = width * block.expansion
    sizes: Sequence[tuple[int, int]] = [(inputs, stride)] + [(outputs, 1)] * (count - 1)
    return nn.Sequential(*(block(channels, width, step) for channels, step in sizes)), outputs
