"""The decoder of MDENet, the monocular depth estimation half of BridgeNet: needed in training only.

Paper section 3.1 (see `bridgenet`); its template is Wang, Zhang, Wang, Lu, Ruan, "CLIFFNet for Monocular Depth
Estimation with Hierarchical Embedding Loss", ECCV 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EstimationDecoder(nn.Module):
    """Feature pyramid, CLIFF modules from coarse to fine, content bridges at 1/4 and 1/2, and a depth map.

    Own decisions: the pyramid adds the repeated coarser level to a 1 x 1 lateral layer and smooths by 3 x 3; both
    layers of a CLIFF module are 3 x 3 with ReLU; the depth map is made at 1/2 and enlarged bilinearly.

    Args:
        channels: of the backbone's levels, finest first.
        width: channels of pyramid and decoder.
        bridges: content bridges at 1/4 and 1/2, or None.
    """

    def __init__(self, channels: Sequence[int], width: int, bridges: Sequence[nn.Module] | None) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in channels)
        self.cliffs = nn.ModuleList(CrossLevelFusion(width) for _ in channels[1:])
        self.bridges = None if bridges is None else nn.ModuleList(bridges)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, features: Sequence[Tensor], decoded: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        """Estimates depth.

        Args:
            features: of the backbone, finest first.
            decoded: super-resolution features at 1/4 and 1/2; unused without bridges.
            size: height and width of the result.

        Returns:
            (B, 1, height, width).
        """
        *finer, high = self._pyramid(features)
        without = len(finer) - len(decoded)
        for index, (low, cliff) in enumerate(zip(reversed(finer), self.cliffs, strict=True)):
            high = cliff(high, low)
            if self.bridges is not None and index >= without:
                high = self.bridges[index - without](high, decoded[index - without])
        return _enlarged(self.head(high), size)

    def _pyramid(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Passes coarse features down; finest first, all `width` channels."""
        laterals = [layer(level) for layer, level in zip(self.lateral, features, strict=True)]
        passed = [laterals[-1]]
        for level in reversed(laterals[:-1]):
            passed.append(level + _enlarged(passed[-1], level.shape[-2:], mode="nearest"))
        return [layer(level) for layer, level in zip(self.smooth, reversed(passed), strict=True)]


class CrossLevelFusion(nn.Module):
    """CLIFF: fine features strengthened by coarse ones, and two layers that choose among all three.

    Args:
        width: channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3 * width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, high: Tensor, low: Tensor) -> Tensor:
        """Coarse (B, width, h / 2, w / 2) and fine (B, width, h, w) -> (B, width, h, w)."""
        high = _enlarged(high, low.shape[-2:])
        return F.relu(self.second(F.relu(self.first(torch.cat((high, low, low * high), dim=1)))))


def _enlarged(features: Tensor, size: Sequence[int], mode: str = "bilinear") -> Tensor:
    return F.interpolate(features, size=list(size), mode=mode, align_corners=False if mode == "bilinear" else None)
