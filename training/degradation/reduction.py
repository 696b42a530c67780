"""Reductions: (B, 1, H, W) to (B, 1, H / scale, W / scale), deterministic.

`bicubic` is the papers'. `nearest` is the pick of DJF's evaluation. `box` and `median` stand for sensors: a
time-of-flight pixel mixes what lies in its footprint, and depth that a driver aligned to the colour image is brought
back to the sensor's grid by the median of a cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.cameras.grids import LEAST_VALID
from depth_sr_ros.models.layers.interpolation import resize_bicubic

Reduction = Callable[[Tensor, int], Tensor]
"""(depth (B, 1, H, W), scale) -> (B, 1, H / scale, W / scale); ValueError where H or W is no multiple of the scale."""


def bicubic_down(depth: Tensor, scale: int) -> Tensor:
    """PIL's bicubic, antialiased; the identity at scale 1."""
    return resize_bicubic(depth, _cells(depth, scale))


def nearest_down(depth: Tensor, scale: int) -> Tensor:
    """Bottom-right pixel of each cell, the sample that DJF's and DAGF's "nearest" takes."""
    _cells(depth, scale)
    return depth[..., scale - 1 :: scale, scale - 1 :: scale]


def box_down(depth: Tensor, scale: int) -> Tensor:
    """Mean of each cell."""
    _cells(depth, scale)
    return F.avg_pool2d(depth, scale)


def median_down(depth: Tensor, scale: int) -> Tensor:
    """Lower median of each cell, as `cameras.grids.reduce_to_grid` takes it."""
    height, width = _cells(depth, scale)
    cells = depth.reshape(depth.shape[0], 1, height, scale, width, scale).transpose(3, 4)
    return cells.reshape(depth.shape[0], 1, height, width, scale * scale).median(dim=-1).values


def masked_box_down(depth: Tensor, valid: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Mean over the valid pixels of each cell, as DADA makes its source.

    Args:
        depth: (B, 1, H, W); may be anything, NaN included, where not valid.
        valid: same shape, non-zero where depth counts.
        scale: side of a cell.

    Returns:
        Depth (B, 1, h, w), 0 where a cell holds nothing valid, and the mask of the cells that hold something (float).
    """
    _cells(depth, scale)
    mask = (valid > 0).to(depth.dtype)
    share = F.avg_pool2d(mask, scale)
    total = F.avg_pool2d(torch.where(mask > 0, depth, torch.zeros_like(depth)), scale)
    return total / share.clamp(min=0.5 / scale**2), (share > 0).to(depth.dtype)


def masked_median_down(depth: Tensor, valid: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Lower median of each cell's valid pixels, as `depth_sr_ros.cameras.grids.reduce_to_grid` takes it at run time.

    Args:
        depth: (B, 1, H, W).
        valid: same shape, non-zero where depth counts.
        scale: side of a cell.

    Returns:
        Medians, 0 where too few pixels of the cell are valid, and 1.0 where enough are, both (B, 1, h, w).
    """
    height, width = _cells(depth, scale)
    far = torch.where(valid > 0, depth, torch.inf)
    cells = far.unflatten(-1, (width, scale)).unflatten(-3, (height, scale)).transpose(-3, -2).flatten(-2)
    count = (valid > 0).to(depth.dtype)
    count = (F.avg_pool2d(count, scale) * scale**2).round().long()
    middle = (count - 1).clamp(min=0) // 2
    median = cells.sort(dim=-1).values.gather(-1, middle[..., None])[..., 0]
    known = count >= max(1, math.ceil(scale**2 * LEAST_VALID))
    return torch.where(known, median, torch.zeros_like(median)), known.to(depth.dtype)


REDUCTIONS: dict[str, Reduction] = {
    "bicubic": bicubic_down,
    "box": box_down,
    "median": median_down,
    "nearest": nearest_down,
}
"""By the names that recipes use."""


def _cells(depth: Tensor, scale: int) -> tuple[int, int]:
    height, width = depth.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"depth: height and width must be multiples of {scale}, found {height}x{width}")
    return height // scale, width // scale
