"""Joint bilateral up-sampling, straight from the cells: OpenCV has none."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor


def joint_bilateral_upsampling(guide: Tensor, depth_lr: Tensor, space: float = 0.5, colour: float = 0.1) -> Tensor:
    """Joint bilateral up-sampling (Kopf et al., SIGGRAPH 2007): a weighted mean of the 5 x 5 cells around each pixel.

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        space: standard deviation of the distance to a cell's centre, cells.
        colour: standard deviation of the Euclidean difference to a cell's mean colour, of 1.
    """
    scale, (height, width) = guide.shape[-2] // depth_lr.shape[-2], depth_lr.shape[-2:]
    cells = F.pad(torch.cat((F.avg_pool2d(guide, scale), depth_lr), dim=1), (2,) * 4, mode="replicate")
    phase = (torch.arange(scale, device=guide.device) + 0.5) / scale - 0.5
    total, weights = 0 * guide[:, :1], 0 * guide[:, :1]
    for dy, dx in itertools.product(range(-2, 3), repeat=2):
        there = cells[..., 2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]
        there = there.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
        distance = (phase - dy).square().repeat(height)[:, None] + (phase - dx).square().repeat(width)
        difference = (there[:, :3] - guide).square().sum(dim=1, keepdim=True)
        weight = torch.exp(-distance / (2 * space**2) - difference / (2 * colour**2))
        total += weight * there[:, 3:]
        weights += weight
    return total / weights.clamp(min=1e-12)
