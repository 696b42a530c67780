"""A U-Net with a ResNet-50 encoder: the feature network of DADA.

Olaf Ronneberger et al., "U-Net", MICCAI 2015. Layers are named as in torchvision's ResNet and in the decoder of
segmentation_models_pytorch, so that weights from there need only a prefix changed: `encoder.*` and `decoder.*` are the
same, `segmentation_head.0.*` is `head.*` here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.layers.resnet import LEVELS, ResNet

_DECODER_CHANNELS = (256, 128, 64, 32, 16)


class ResNetUNet(nn.Module):
    """ResNet-50 encoder, as many decoder blocks as it has levels, a linear 3 x 3 head.

    Args:
        inputs: input channels.
        outputs: feature channels.
        levels: of the encoder, 5 for a whole ResNet-50; each one less leaves out its last and widest stage, and the
            decoder block that reads it.

    Attributes:
        levels: as given.
        size_multiple: sides of an image are multiples of this, 2 to the power of `levels`.
    """

    def __init__(self, inputs: int = 4, outputs: int = 64, levels: int = LEVELS) -> None:
        super().__init__()
        self.levels, self.size_multiple = levels, 2**levels
        self.encoder = ResNet("resnet50", levels, inputs)
        self.decoder = Decoder(self.encoder.channels)
        self.head = nn.Conv2d(_DECODER_CHANNELS[-1], outputs, 3, padding=1)
        self._initialise()

    def forward(self, image: Tensor) -> Tensor:
        """(B, inputs, H, W) -> decoded image, (B, 16, H, W), to which `head` or `pooled_head` is applied.

        H and W are multiples of `size_multiple`.
        """
        decoded: Tensor = self.decoder(self.encoder(image))
        return decoded

    def pooled_head(self, decoded: Tensor) -> Tensor:
        """The head followed by the mean over 2 x 2 pixels, (B, 16, H, W) -> (B, outputs, H / 2, W / 2).

        Both being linear, they are one 4 x 4 convolution of stride 2: less than half of the arithmetic, and the
        features never exist at full size.
        """
        weight = self.head.weight
        corners = ((0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0))
        pooled = torch.stack([F.pad(weight, corner) for corner in corners]).mean(dim=0)
        return F.conv2d(decoded, pooled, self.head.bias, stride=2, padding=1)

    def _initialise(self) -> None:
        for module in self.decoder.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.xavier_uniform_(self.head.weight)
        assert self.head.bias is not None
        nn.init.zeros_(self.head.bias)


class Decoder(nn.Module):
    """Blocks back to full size, each fed by the encoder's features of its size; the last has none.

    Args:
        encoded: channels of the encoder's levels, finest first; there are as many blocks.
    """

    def __init__(self, encoded: Sequence[int]) -> None:
        super().__init__()
        outputs = _DECODER_CHANNELS[-len(encoded) :]
        coarsest, *skips = reversed(encoded)
        sizes = zip((coarsest, *outputs[:-1]), (*skips, 0), outputs, strict=True)
        self.blocks = nn.ModuleList(DecoderBlock(i + skip, o) for i, skip, o in sizes)

    def forward(self, features: list[Tensor]) -> Tensor:
        """The encoder's features, finest first -> (B, 16, H, W)."""
        x, *skips = reversed(features)
        for number, block in enumerate(self.blocks):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skips[number]], dim=1) if number < len(skips) else x)
        return x


class DecoderBlock(nn.Module):
    """Two 3 x 3 convolutions with batch normalisation and ReLU.

    Args:
        inputs: input channels.
        outputs: output channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = _conv_bn_relu(inputs, outputs)
        self.conv2 = _conv_bn_relu(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        filtered: Tensor = self.conv2(self.conv1(x))
        return filtered


def _conv_bn_relu(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
