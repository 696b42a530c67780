"""FDKN, the fast deformable kernel network.

Beomjun Kim, Jean Ponce, Bumsub Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021,
arXiv 1910.08373; layers as in the authors' release. Guide and depth are rearranged to a quarter of their resolution
(16 channels per map), two equal branches predict 3 x 3 kernel weights and tap offsets, and the result is a weighted
sum of displaced samples of the bicubic start image (eqs. 4-7).

Where paper and released code differ: the paper feeds the colour guide (16 x 3 channels), the release a grey one; both
are options here, colour the default. Mean subtraction acts on the nine taps of a pixel, as in the code.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler, float32_on
from depth_sr_ros.models.registry import register_model
from depth_sr_ros.models.sampling import (
    SamplingConvention,
    check_convention,
    in_grid_units,
    tap_displacements,
    weighted_taps,
)

GuideKind = Literal["colour", "grey", "none"]

_BLOCK = 4
_TAPS = 9


class KernelBranch(nn.Module):
    """Predicts kernel weights and offsets from one image at quarter resolution (paper, Table 1 of the supplement).

    Args:
        channels: channels of the rearranged input, 16 per map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_conv_bn_relu(channels, 32),
            *_conv_relu(32, 32),
            *_conv_bn_relu(32, 64),
            *_conv_relu(64, 64),
            *_conv_bn_relu(64, 128),
            *_conv_relu(128, 128),
        )
        self.weight_head = nn.Conv2d(128, _TAPS * _BLOCK**2, 1)
        self.offset_head = nn.Conv2d(128, 2 * _TAPS * _BLOCK**2, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, channels, H/4, W/4) -> weights in (0, 1), (B, 144, H/4, W/4), and offsets, (B, 288, H/4, W/4)."""
        features = self.features(image)
        # the tail works on planes: leaving channels_last here once is far cheaper than mixed layouts throughout
        weights, offsets = self.weight_head(features).contiguous(), self.offset_head(features).contiguous()
        return torch.sigmoid(weights), offsets


@register_model("fdkn")
class FDKN(GuidedUpsampler):
    """Fast deformable kernel network.

    Args:
        scale: integer ratio between guide and depth; it only sets the start image, the layers are the same.
        guide: `colour` (48 guide channels; 703,072 parameters), `grey` (16; 693,856, as released) or `none`
            (depth only, the paper's dagger rows).
        residual: True subtracts the weights' mean and adds the start image (the paper's default); False divides the
            weights by their sum ("w/o residual").
        sampling: rest positions of the taps, see `SamplingConvention`.
    """

    size_multiple = _BLOCK

    def __init__(
        self,
        scale: int = 8,
        guide: GuideKind = "colour",
        residual: bool = True,
        sampling: SamplingConvention = "centred",
    ) -> None:
        super().__init__()
        if guide not in get_args(GuideKind):
            raise ValueError(f"guide: expected one of {get_args(GuideKind)}, found {guide!r}")
        self.scale = int(scale)
        self.guide = guide
        self.residual = bool(residual)
        self.sampling = check_convention(sampling)
        self.options = {"scale": self.scale, "guide": guide, "residual": self.residual, "sampling": sampling}
        maps = {"colour": 3, "grey": 1, "none": 0}[guide]
        self.guide_branch = KernelBranch(maps * _BLOCK**2) if maps else None
        self.depth_branch = KernelBranch(_BLOCK**2)

    def refine(self, guide: Tensor, depth_lr: Tensor, start: Tensor) -> Tensor:
        """Filters the start image (B, 1, H, W); `depth_lr` is not used by this network."""
        weights, offsets = self.depth_branch(F.pixel_unshuffle(start, _BLOCK))
        if self.guide_branch is not None:
            guide_weights, guide_offsets = self.guide_branch(F.pixel_unshuffle(self._guide_maps(guide), _BLOCK))
            with float32_on(start.device):
                weights = weights.float() * guide_weights.float()
                offsets = offsets.float() * guide_offsets.float()
        with float32_on(start.device):
            start = start.float()
            filtered = self._filter(start, weights.float(), offsets.float())
            return start + filtered if self.residual else filtered

    def _filter(self, start: Tensor, weights: Tensor, offsets: Tensor) -> Tensor:
        """Applies the kernels, (B, 144, H/4, W/4) and (B, 288, H/4, W/4), to the start image."""
        batch, _, height, width = offsets.shape
        by_tap = offsets.reshape(batch, _TAPS, 2, _BLOCK, _BLOCK, height, width)
        displacement, fade = tap_displacements(by_tap, self.sampling)
        displacement = in_grid_units(displacement, height * _BLOCK, width * _BLOCK)
        # one transposition takes (x, y) last and shuffles the pixels: channel 16 (2 tap + c) + 4 i + j
        grid = displacement.permute(0, 1, 5, 3, 6, 4, 2).reshape(batch, _TAPS, height * _BLOCK, width * _BLOCK, 2)
        kernel = self._normalise(F.pixel_shuffle(weights, _BLOCK))
        if fade is not None:
            kernel = kernel * F.pixel_shuffle(fade.reshape(batch, _TAPS * _BLOCK**2, height, width), _BLOCK)
        return weighted_taps(start, kernel, grid, self.sampling)

    def _guide_maps(self, guide: Tensor) -> Tensor:
        if self.guide == "colour":
            return guide
        red, green, blue = guide.unbind(dim=1)
        return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)

    def _normalise(self, weights: Tensor) -> Tensor:
        if self.residual:
            return weights - weights.mean(dim=1, keepdim=True)
        return weights / weights.sum(dim=1, keepdim=True)


def _conv_relu(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]


def _conv_bn_relu(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
