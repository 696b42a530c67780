"""DSRNet, the super-resolution half of BridgeNet, and the only one needed to super-resolve.

Paper section 3.1 (see `bridgenet`). Its template is the network of Yin, Robinson, Zhang, Fu, "Joint Super-Resolution
and Alignment of Tiny Faces", AAAI 2020, whose release settles what the paper only names: residual
blocks without normalisation and with a ReLU behind the sum, levels fused as a running sum through strided layers, no
activation in the decoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

_STAGES = 3
_BLOCKS_PER_STAGE = 4


class DSRNet(nn.Module):
    """Encoder at 1, 1/2, 1/4 and 1/8 of the size, a deep stack of residual blocks, and a pixel-shuffle decoder.

    Args:
        width: channels everywhere.
        deep_blocks: residual blocks at 1/8 behind the encoder.
        bridges: one per encoder stage, finest first, which join guide features to the stage's own; None for depth
            alone.
    """

    def __init__(self, width: int, deep_blocks: int, bridges: Sequence[nn.Module] | None) -> None:
        super().__init__()
        self.shallow = nn.Conv2d(1, width, 3, padding=1)
        self.entry = ResidualBlock(width)
        self.stages = nn.ModuleList(_stack(width, _BLOCKS_PER_STAGE) for _ in range(_STAGES))
        self.bridges = None if bridges is None else nn.ModuleList(bridges)
        self.deep = _stack(width, deep_blocks)
        self.fusion = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(_STAGES))
        self.long_skip = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(_STAGES))
        self.decoder = nn.ModuleList(nn.Conv2d(width, 4 * width, 3, padding=1) for _ in range(_STAGES))
        self.reconstruction = nn.Conv2d(width, 1, 1)
        # starts at the bicubic image but for a trace that lets gradients through
        nn.init.normal_(self.reconstruction.weight, std=1e-3)
        nn.init.zeros_(self.reconstruction.bias)  # type: ignore[arg-type]

    def forward(self, start: Tensor, guidance: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Predicts what the start image lacks.

        Args:
            start: bicubic start image, (B, 1, H, W), H and W multiples of 8.
            guidance: guide features at 1/2, 1/4, 1/8; unused without bridges.

        Returns:
            Residual, (B, 1, H, W), and decoder features at 1/4 and 1/2, (B, width, ...).
        """
        shallow = self.shallow(start)
        levels = self._encode(self.entry(shallow), guidance)
        features = self.deep(levels[-1]) + self._fused(levels) + self._low_frequency(shallow)
        decoded = []
        for layer in self.decoder:
            features = F.pixel_shuffle(layer(features), 2)
            decoded.append(features)
        return self.reconstruction(features), decoded[:-1]

    def _encode(self, features: Tensor, guidance: Sequence[Tensor]) -> list[Tensor]:
        levels = [features]
        for index, stage in enumerate(self.stages):
            features = stage(F.max_pool2d(features, 2))
            if self.bridges is not None:
                features = self.bridges[index](features, guidance[index])
            levels.append(features)
        return levels

    def _fused(self, levels: Sequence[Tensor]) -> Tensor:
        """Encoder levels brought to 1/8 as a running sum; the coarsest comes in through the deep stack."""
        total = self.fusion[0](levels[0])
        for layer, level in zip(self.fusion[1:], levels[1:-1], strict=True):
            total = layer(total + level)
        return total

    def _low_frequency(self, features: Tensor) -> Tensor:
        for layer in self.long_skip:
            features = F.max_pool2d(layer(features), 2)
        return features


class ResidualBlock(nn.Module):
    """Two 3 x 3 layers with a ReLU between and another behind the sum; no normalisation.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w), same shape out."""
        return F.relu(x + self.second(F.relu(self.first(x))))


def _stack(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
