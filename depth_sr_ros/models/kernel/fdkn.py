"""FDKN, the fast deformable kernel network.

Beomjun Kim, Jean Ponce, Bumsub Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021,
arXiv 1910.08373; layers as in the authors' release. Guide and depth are rearranged to a quarter of their resolution
(16 channels per map), two equal branches predict 3 x 3 kernel weights and tap offsets, and the result is a weighted
sum of displaced samples of the bicubic start image (eqs. 4-7).

Where paper and released code differ: the paper feeds the colour guide (16 x 3 channels), the release a grey one; both
are options here, colour the default. Mean subtraction acts on the nine taps of a pixel, as in the code. Where the taps
rest, the paper centres them and the code does not; what is trained here follows the paper, released weights the code,
see `depth_sr_ros.models.kernel.sampling.SamplingConvention`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.kernel.kernel_filter import FEATURES, KernelBranch, KernelNetwork, conv_relu
from depth_sr_ros.models.kernel.sampling import SamplingConvention
from depth_sr_ros.models.registry import register_model

GuideKind = Literal["colour", "grey", "none"]

_BLOCK = 4

WIDTHS = (32, 32, 64, 64, FEATURES, FEATURES)
"""Output channels of the six layers of a branch (supplement, Table 1)."""


@register_model("fdkn")
class FDKN(KernelNetwork):
    """Fast deformable kernel network.

    Args:
        scale: integer ratio between guide and depth; it only sets the start image, the layers are the same.
        guide: `colour` (48 guide channels; 703,072 parameters), `grey` (16; 693,856, as released) or `none`
            (depth only, the paper's dagger rows).
        residual: as `KernelNetwork`.
        sampling: as `KernelNetwork`.
        kernel_size: as `KernelNetwork`.
        offsets: as `KernelNetwork`.
        widths: output channels of the six layers of a branch.
        depth_kernels: as `KernelNetwork`.

    Raises:
        ValueError: an option has another value than those named here.
    """

    size_multiple = _BLOCK
    guide_kinds = get_args(GuideKind)
    block = _BLOCK

    def __init__(
        self,
        scale: int = 8,
        guide: GuideKind = "colour",
        residual: bool = True,
        sampling: SamplingConvention = "centred",
        kernel_size: int = 3,
        offsets: bool = True,
        widths: Sequence[int] = WIDTHS,
        depth_kernels: bool = True,
    ) -> None:
        super().__init__(scale, guide, residual, sampling, kernel_size, offsets, depth_kernels)
        if len(widths) != len(WIDTHS) or min(widths) < 1:
            raise ValueError(f"widths: expected {len(WIDTHS)} positive numbers of channels, found {widths!r}")
        self.options["widths"] = list(widths)
        maps = {"colour": 3, "grey": 1, "none": 0}[guide]
        self.guide_branch = self._branch(maps, widths) if maps else None
        self.depth_branch = self._branch(1, widths) if depth_kernels else None

    def _branch(self, maps: int, widths: Sequence[int]) -> KernelBranch:
        taps = self.taps * _BLOCK**2
        return KernelBranch(_layers(maps * _BLOCK**2, widths), taps, bool(self.options["offsets"]), widths[-1])

    def arrange(self, image: Tensor) -> Tensor:
        """A quarter of the resolution, 16 channels per map: channel 4 i + j holds the pixels (4y + i, 4x + j)."""
        return F.pixel_unshuffle(image, _BLOCK)

    def guide_maps(self, guide: Tensor) -> Tensor:
        """The colour guide, or its luminance (ITU-R BT.601) where the option says grey."""
        if self.guide == "colour":
            return guide
        red, green, blue = guide.unbind(dim=1)
        return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def _layers(channels: int, widths: Sequence[int]) -> nn.Sequential:
    """Six 3 x 3 convolutions at quarter resolution (supplement, Table 1), every other one normalised."""
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(zip((channels, *widths), widths, strict=False)):
        layers += conv_relu(inputs, outputs, 3, normalised=number % 2 == 0, padding=1)
    return nn.Sequential(*layers)
