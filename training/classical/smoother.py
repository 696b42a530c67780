"""Fast global smoother: weighted least squares over the whole image, by passes along rows and columns.

D. Min, S. Choi, J. Lu, B. Ham, K. Sohn, M. N. Do, "Fast global image smoothing based on weighted least squares", TIP
2014. Each pass solves (1 + lambda L) u = f exactly along every row, then every column.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic


def fast_global_smoother(
    guide: Tensor,
    depth_lr: Tensor,
    smoothness: float = 30.0,
    colour: float = 4.0,
    iterations: int = 3,
    attenuation: float = 0.25,
) -> Tensor:
    """Smooths the bicubic start image where the guide is smooth.

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        smoothness: lambda of the first pass, as in OpenCV's `fastGlobalSmootherFilter`.
        colour: sigma of the Euclidean colour difference of neighbours, of 255.
        iterations: passes along rows and columns.
        attenuation: factor of lambda from pass to pass; the paper's.
    """
    result = resize_bicubic(depth_lr, guide.shape[-2:]).double()
    across, down = _similarity(guide, colour), _similarity(guide.transpose(-1, -2), colour)
    for turn in range(iterations):
        strength = smoothness * attenuation**turn
        result = _solve_rows(result, strength * across)
        result = _solve_rows(result.transpose(-1, -2), strength * down).transpose(-1, -2)
    return result.float()


def _similarity(guide: Tensor, colour: float) -> Tensor:
    """Weight between each pixel and its right neighbour, (B, 1, H, W - 1)."""
    difference = (guide[..., 1:] - guide[..., :-1]).double().square().sum(dim=1, keepdim=True).sqrt() * 255
    return torch.exp(-difference / colour)


def _solve_rows(values: Tensor, links: Tensor) -> Tensor:
    """Solves (1 + L) u = values along the last axis, L being the Laplacian of chains with the given links (Thomas)."""
    before, after = (F.pad(links, sides).movedim(-1, 0).contiguous() for sides in ((1, 0), (0, 1)))
    diagonal, right = 1 + before + after, values.movedim(-1, 0).contiguous()
    upper, solved = torch.empty_like(right), torch.empty_like(right)
    upper[0], solved[0] = after[0] / diagonal[0], right[0] / diagonal[0]
    for i in range(1, len(right)):
        pivot = diagonal[i] - before[i] * upper[i - 1]
        upper[i] = after[i] / pivot
        solved[i] = (right[i] + before[i] * solved[i - 1]) / pivot
    for i in range(len(right) - 2, -1, -1):
        solved[i] += upper[i] * solved[i + 1]
    return solved.movedim(0, -1)
