"""FDKN's live form: two branches at a quarter of the resolution, and kernels per pixel, for registered depth.

Beomjun Kim, Jean Ponce, Bumsub Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021,
arXiv 1910.08373. As in the paper a branch looks at the guide and another at depth, both with the 16 pixels of a 4 x 4
cell side by side, and what comes out are weights of a kernel for every pixel. What is this project's own:

* the depth branch sees more maps than the start image (`live.features`);
* the branches meet before the head, and a part of the network works at an eighth of the resolution with dilated
  convolutions: which surface fills a hole is seen from far away;
* what is said of every pixel, and what is made of it: a choice between two surfaces, kernels whose taps grow, and the
  expected error (`live.kernel_network`).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from depth_sr_ros.models.live import features
from depth_sr_ros.models.live.kernel_network import SAID_REACH, SEEN_REACH, LiveKernelNetwork
from depth_sr_ros.models.live.layers import DILATIONS, Context, branch, layer
from depth_sr_ros.models.registry import register_live_model

WIDTHS = (64, 112, 96)
"""Channels of a branch, of what both become, and of the part at an eighth of the resolution."""


@register_live_model("fdkn")
class LiveFDKN(LiveKernelNetwork):
    """Fast kernel network for registered depth.

    Args:
        widths: channels of each branch, of the part that both become, and of the part at an eighth of the resolution.

    Raises:
        ValueError: not three positive numbers.
    """

    size_multiple = 2 * features.BLOCK
    reach = SEEN_REACH + 4 * 5 + 8 * (1 + sum(DILATIONS)) + SAID_REACH

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        if len(widths) != len(WIDTHS) or min(widths) < 1:
            raise ValueError(f"widths: expected {len(WIDTHS)} positive numbers of channels, found {widths!r}")
        one, both, context = widths
        super().__init__(both)
        self.options = {"widths": list(widths)}
        self.guide_branch = branch(features.GUIDE_CHANNELS, one)
        self.depth_branch = branch(features.DEPTH_CHANNELS, one)
        self.context = Context(2 * one, context, both)
        self.joint = nn.Sequential(*layer(2 * one, both))
        self.last = nn.Sequential(*layer(both, both))

    def look(self, guide: Tensor, depth: Tensor) -> Tensor:
        """See `LiveKernelNetwork`."""
        seen = torch.cat((self.guide_branch(guide), self.depth_branch(depth)), dim=1)
        found: Tensor = self.last(self.joint(seen) + self.context(seen))
        return found
