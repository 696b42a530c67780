"""Filters over windows: guided filter, joint bilateral filter, joint bilateral up-sampling.

All are methods as `training.protocols.Method`; sizes must be whole cells, the batch is one image or several.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic

# the six different entries of a symmetric 3x3 matrix, and where each of the nine is found among them
_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
_NINE = (0, 1, 2, 1, 3, 4, 2, 4, 5)


def guided_filter(guide: Tensor, depth_lr: Tensor, epsilon: float = 1e-4, radius: int | None = None) -> Tensor:
    """Guided filter with a colour guide (He, Sun, Tang, PAMI 2013) on the bicubic start image.

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        epsilon: smoothness; He's range is (0, 1].
        radius: of the box windows, pixels; None takes the scale.
    """
    start, colour = resize_bicubic(depth_lr, guide.shape[-2:]).double(), guide.double()
    radius = radius or guide.shape[-2] // depth_lr.shape[-2]
    mean_colour, mean_depth = _box(colour, radius), _box(start, radius)
    covariance = _box(colour * start, radius) - mean_colour * mean_depth
    products = torch.stack([colour[:, i] * colour[:, j] for i, j in _PAIRS], dim=1)
    means = torch.stack([mean_colour[:, i] * mean_colour[:, j] for i, j in _PAIRS], dim=1)
    variance = (_box(products, radius) - means)[:, _NINE].permute(0, 2, 3, 1).unflatten(-1, (3, 3))
    ridge = epsilon * torch.eye(3, dtype=variance.dtype, device=variance.device)
    slope = torch.linalg.solve(variance + ridge, covariance.permute(0, 2, 3, 1)[..., None])[..., 0].permute(0, 3, 1, 2)
    offset = mean_depth - (slope * mean_colour).sum(dim=1, keepdim=True)
    return ((_box(slope, radius) * colour).sum(dim=1, keepdim=True) + _box(offset, radius)).float()


def joint_bilateral_filter(
    guide: Tensor, depth_lr: Tensor, radius: int = 4, colour: float = 20.0, space: float = 5.0
) -> Tensor:
    """Joint bilateral filter of the bicubic start image, as OpenCV's `jointBilateralFilter` defines it.

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        radius: of the round window, pixels.
        colour: standard deviation of the summed absolute colour difference, of 255.
        space: standard deviation of the distance, pixels.
    """
    start = resize_bicubic(depth_lr, guide.shape[-2:])
    padded = F.pad(torch.cat((guide, start), dim=1), (radius,) * 4, mode="reflect")
    height, width = guide.shape[-2:]
    total, weights = torch.zeros_like(start), torch.zeros_like(start)
    for dy, dx in _offsets(radius):
        if dy**2 + dx**2 > radius**2:
            continue
        there = padded[..., radius + dy : radius + dy + height, radius + dx : radius + dx + width]
        difference = (there[:, :3] - guide).abs().sum(dim=1, keepdim=True) * 255
        weight = torch.exp(-(difference**2) / (2 * colour**2) - (dy**2 + dx**2) / (2 * space**2))
        total += weight * there[:, 3:]
        weights += weight
    return total / weights


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
    for dy, dx in _offsets(2):
        there = cells[..., 2 + dy : 2 + dy + height, 2 + dx : 2 + dx + width]
        there = there.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
        distance = (phase - dy).square().repeat(height)[:, None] + (phase - dx).square().repeat(width)
        difference = (there[:, :3] - guide).square().sum(dim=1, keepdim=True)
        weight = torch.exp(-distance / (2 * space**2) - difference / (2 * colour**2))
        total += weight * there[:, 3:]
        weights += weight
    return total / weights.clamp(min=1e-12)


def _box(image: Tensor, radius: int) -> Tensor:
    """Mean of the part of each window that lies inside the image."""
    size = 2 * radius + 1
    rows = F.avg_pool2d(image, (size, 1), stride=1, padding=(radius, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, size), stride=1, padding=(0, radius), count_include_pad=False)


def _offsets(radius: int) -> Iterator[tuple[int, int]]:
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            yield dy, dx
