"""What a live network looks at: colour, depth and hypotheses in numbers near one, without any statistic of the frame.

Depth enters as its logarithm, in which what lies between a far wall and something near weighs alike. From that the mean
of a fixed window around each cell of 4 x 4 pixels is taken, and what is left is limited, so that a pixel, whatever
it holds, changes nothing beyond that window, and little within.

Everything comes at a quarter of the resolution, the 16 pixels of a cell side by side in channels, as FDKN has it
(arXiv 1910.08373, Section 3.2). One map is not the paper's: colour models of what is nearer and of what is farther
than the window's mean, from measured pixels, and where each pixel's colour lies between them. It is the question that
image matting asks (e.g. Levin et al. 2008), answered by a projection, and says at full resolution which of two surfaces
a pixel belongs to.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from depth_sr_ros.models.live.network import error_unit

BLOCK = 4
"""Side of a cell."""
PIXELS = BLOCK**2
GUIDE_CHANNELS, DEPTH_CHANNELS = 4 * PIXELS + 1, 6 * PIXELS + 1

_WIDE, _NARROW = 9, 3  # windows, cells
REACH = 2 * BLOCK * (_WIDE // 2 + 1)
"""Pixels beyond which a pixel changes no map: colour models are a window of what is a window's mean away."""

_MEASURED, _FILLED = 3, 1
_CONTRAST = 0.5  # of logarithms of depth, that fills the range of the relief
_SIDE = 0.1  # nearer or farther than the mean by this counts in full
_NOISE = 4.0  # units of error that fill the range of the fine relief
_CERTAIN = 0.02  # share that far is farther than near by where it is a question for sure
_LEAST_COLOUR = 5e-3  # squared colour difference below which colours say little
_LEAST_SHARE = 1e-2  # of a window that has to lie on a side to give it a colour
_LEVEL = 3.0  # logarithms of metres that fill the range of the level


def guide_maps(guide: Tensor, sides: Tensor) -> Tensor:
    """Colour (B, 3, H, W) and the sides of `depth_maps` to what the guide branch sees, (B, 65, H / 4, W / 4)."""
    cells = F.pixel_unshuffle(guide, BLOCK)
    batch, _, height, width = cells.shape
    colours = cells.reshape(batch, 3, PIXELS, height, width)
    near, far = (_mean_colour(colours, side) for side in sides.split(PIXELS, dim=1))
    contrast = far - near
    squared = contrast.square().sum(dim=1, keepdim=True)
    middle = (near + far) * 0.5
    between = ((colours - middle.unsqueeze(2)) * contrast.unsqueeze(2)).sum(dim=1) / (squared + _LEAST_COLOUR)
    return torch.cat((cells, between.clamp(-1, 1), (4 * squared).clamp(max=1)), dim=1)


def between_of(maps: Tensor) -> Tensor:
    """Of `guide_maps`: where colours lie between near, -1, and far, 1, (B, 16, H / 4, W / 4)."""
    return maps[:, 3 * PIXELS : 4 * PIXELS]


def depth_maps(start: Tensor, gap: Tensor, position: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
    """What the depth branch sees, and which side of its surroundings each measured pixel is on.

    Args:
        start: logarithm of the start image, (B, 1, H, W).
        gap: what far is farther than near, as a share of near, same shape.
        position: of start between both, 0 near, 1 far, same shape.
        quality: codes, same shape.

    Returns:
        Maps (B, 97, H / 4, W / 4), and how much each pixel counts as near and as far, (B, 32, H / 4, W / 4).
    """
    cells = F.pixel_unshuffle(start, BLOCK)
    mean = F.avg_pool2d(start, BLOCK)
    wide, narrow = _box(mean, _WIDE), _box(mean, _NARROW)
    relief = cells - wide
    # a unit of error, in logarithms
    unit = error_unit(narrow.exp()) * (-narrow).exp()
    fine = (cells - narrow) / (_NOISE * unit)
    kinds = F.pixel_unshuffle(torch.cat((quality == _MEASURED, quality == _FILLED), dim=1).to(start.dtype), BLOCK)
    question = (gap * (1 / _CERTAIN)).clamp(0, 1)
    hypotheses = F.pixel_unshuffle(torch.cat(((2 * position - 1) * question, gap.clamp(0, 1)), dim=1), BLOCK)
    level = (wide * (1 / _LEVEL)).clamp(-1, 1)
    maps = ((relief * (1 / _CONTRAST)).clamp(-1, 1), fine.clamp(-1, 1), kinds, hypotheses, level)
    measured = kinds[:, :PIXELS]
    sides = ((-relief, relief)[side] * (1 / _SIDE) for side in range(2))
    return torch.cat(maps, dim=1), torch.cat([measured * side.clamp(0, 1) for side in sides], dim=1)


def _mean_colour(colours: Tensor, weight: Tensor) -> Tensor:
    """Mean colour (B, 3, h, w) of the pixels (B, 3, 16, h, w) of a window by weight (B, 16, h, w)."""
    weighted = (colours * weight.unsqueeze(1)).mean(dim=2)
    total = _box(torch.cat((weighted, weight.mean(dim=1, keepdim=True), colours.mean(dim=2)), dim=1), _WIDE)
    few = _LEAST_SHARE
    return (total[:, :3] + few * total[:, 4:]) / (total[:, 3:4] + few)


def _box(image: Tensor, window: int) -> Tensor:
    """Mean over a square window of cells; at the border over those that are there."""
    rows = F.avg_pool2d(image, (window, 1), stride=1, padding=(window // 2, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, window), stride=1, padding=(0, window // 2), count_include_pad=False)
