"""How low-resolution depth is made from ground truth."""

from __future__ import annotations

from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic


def bicubic_down(depth: Tensor, scale: int) -> Tensor:
    """The papers' "bicubic": PIL's, antialiased; (B, 1, H, W) -> (B, 1, H / scale, W / scale).

    Raises:
        ValueError: height or width is no multiple of `scale`.
    """
    height, width = depth.shape[-2:]
    if height % scale or width % scale:
        raise ValueError(f"depth: height and width must be multiples of {scale}, found {height}x{width}")
    return resize_bicubic(depth, (height // scale, width // scale))
