"""DAGF's live form: attentional kernels from coarse to fine, for registered depth.

Zhiwei Zhong, Xianming Liu, Junjun Jiang, Debin Zhao, Xiangyang Ji, "Deep Attentional Guided Image Filtering", TNNLS
2023, arXiv 2112.06401. As in the paper features of guide and depth form a pyramid (eqs. 9-10), every level has kernels
of both modalities that an attention map mixes (eqs. 11-14), and they filter features of reduced depth from coarse to
fine (eqs. 15-18). What is this project's own:

* the levels are an eighth, a quarter and all of the colour resolution. On the first two the paper's layers filter
  features of a grid of half their size, maps of the start image (`live.features`) reduced to it; the attention map is
  limited to [0, 1], and kernels are normalised as in the better of the papers' trainings;
* on the finest level the image itself is filtered, not features of it: the result stays between the depths that are
  there. Kernels of both modalities meet as logits, so that attention can weigh what they are made of: a head is linear;
* what is said of every pixel besides, a choice between two surfaces and the expected error, is as in the other live
  networks (`live.kernel_network`), and there are no residuals.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.dagf.dagf import Level, downsample, start_with_unit_gain
from depth_sr_ros.models.dagf.kernels import AttentionUNet, KernelGenerator
from depth_sr_ros.models.layers.adaptive_norm import ConvNormAct
from depth_sr_ros.models.live.features import BLOCK, DEPTH_CHANNELS, GUIDE_CHANNELS
from depth_sr_ros.models.live.kernel_network import SAID_REACH, SEEN_REACH, LiveKernelNetwork
from depth_sr_ros.models.live.layers import branch, layer
from depth_sr_ros.models.registry import register_live_model

_MOMENTUM = 0.1
_UNET_BLOCK = 4  # positions of a level that one of the attention network's deepest ones stands for


@register_live_model("dagf")
class LiveDAGF(LiveKernelNetwork):
    """Deep attentional guided filter for registered depth.

    Args:
        channels: of every feature map of the pyramid.
        joint: channels per modality that the finest kernels are made of.
        residual_blocks: per level.

    Raises:
        ValueError: an option that is below 1.
    """

    size_multiple = 2 * BLOCK * _UNET_BLOCK
    # what is filtered is depth itself: its digits are those of the result
    half_parts = ("levels.*.fuse", "levels.*.blocks")

    def __init__(self, channels: int = 32, joint: int = 64, residual_blocks: int = 2) -> None:
        options = {"channels": channels, "joint": joint, "residual_blocks": residual_blocks}
        for name, value in options.items():
            if value < 1:
                raise ValueError(f"{name}: expected 1 or more, found {value!r}")
        super().__init__(2 * joint)
        self.options = options
        self.reach = SEEN_REACH + _reach(residual_blocks) + SAID_REACH
        self.guide_branch, self.depth_branch = branch(GUIDE_CHANNELS, channels), branch(DEPTH_CHANNELS, channels)
        self.guide_pyramid, self.depth_pyramid = downsample(channels), downsample(channels)
        create = partial(KernelGenerator, channels, 3, "attention", _MOMENTUM, "sigmoid", "batch")
        self.levels = nn.ModuleList(
            Level(channels, residual_blocks, create, coarsest, DEPTH_CHANNELS) for coarsest in (True, False)
        )
        self.guide_joint = nn.Sequential(*layer(2 * channels, joint))
        self.depth_joint = nn.Sequential(*layer(2 * channels, joint))
        norm = partial(ConvNormAct, kernel_size=3, momentum=_MOMENTUM)
        self.attention = nn.Sequential(
            norm(2 * joint, channels), AttentionUNet(channels, _MOMENTUM), nn.Conv2d(channels, 1, 3, padding=1)
        )
        start_with_unit_gain([m for name, m in self.named_children() if name != "head"], normalised=True)

    def look(self, guide: Tensor, depth: Tensor) -> Tensor:
        """See `LiveKernelNetwork`."""
        guides, depths = [self.guide_branch(guide)], [self.depth_branch(depth)]
        guides.append(self.guide_pyramid(guides[0]))
        depths.append(self.depth_pyramid(depths[0]))
        filtered = None
        for below, level in zip((1, 0), self.levels, strict=True):
            filtered = level(depths[below], guides[below], F.avg_pool2d(depth, 2 ** (below + 1)), filtered)
        assert filtered is not None
        filtered = filtered.to(guides[0].dtype)
        by_guide = self.guide_joint(torch.cat((guides[0], filtered), dim=1))
        by_depth = self.depth_joint(torch.cat((depths[0], filtered), dim=1))
        share = torch.sigmoid(self.attention(torch.cat((by_depth, by_guide), dim=1)))
        return torch.cat((share * by_depth, (1 - share) * by_guide), dim=1)


def _reach(residual_blocks: int) -> int:
    """Pixels that the layers reach, their levels' blocks included."""
    # positions of a level: convolutions of an attention network, those at half and at a quarter of its resolution
    # counted in its own positions, and what lies in one of its deepest positions
    attention = 2 + 1 + 2 * 2 + 4 * 3 + _UNET_BLOCK
    grid = 1 + 1 + 1 + 2 * residual_blocks + 1  # reduction, entry, fusion, blocks, filter; in positions of a grid
    coarse, fine = 2 * BLOCK, BLOCK
    levels = [max(grid * 2 * side, attention * side) for side in (coarse, fine)]
    return 3 * fine + 2 * coarse + sum(levels) + fine + attention * fine
