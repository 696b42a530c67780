"""How low-resolution depth is made from ground truth.

Each takes (B, 1, H, W) to (B, 1, H / scale, W / scale). `bicubic` is the papers'. `box` and `median` stand for sensors:
a time-of-flight pixel mixes what lies in its footprint, and depth that a driver aligned to the colour image is brought
back to the sensor's grid by the median of a cell.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic


def bicubic_down(depth: Tensor, scale: int) -> Tensor:
    """PIL's bicubic, antialiased. Raises ValueError where height or width is no multiple of `scale`."""
    height, width = _cells(depth, scale)
    return resize_bicubic(depth, (height, width))


def box_down(depth: Tensor, scale: int) -> Tensor:
    """Mean of each cell. Raises ValueError where height or width is no multiple of `scale`."""
    _cells(depth, scale)
    return F.avg_pool2d(depth, scale)


def median_down(depth: Tensor, scale: int) -> Tensor:
    """Lower median of each cell, as `rgbd.grids.reduce_to_grid` takes it. Raises ValueError as the others do."""
    height, width = _cells(depth, scale)
    cells = depth.reshape(depth.shape[0], 1, height, scale, width, scale).transpose(3, 4)
    return cells.reshape(depth.shape[0], 1, height, width, scale * scale).median(dim=-1).values


DEGRADATIONS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "bicubic": bicubic_down,
    "box": box_down,
    "median": median_down,
}
"""By the names that recipes use."""


def _cells(depth: Tensor, scale: int) -> tuple[int, int]:
    height, width = depth.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"depth: height and width must be multiples of {scale}, found {height}x{width}")
    return height // scale, width // scale
