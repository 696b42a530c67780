"""Filters a live image by predicted kernels whose taps are means over growing squares.

Every pixel has 26 taps: its 8 neighbours, and the means of 9 squares of 3 x 3 and of 9 squares of 9 x 9 pixels around
it, 27 x 27 pixels in all. A sensor's noise hangs together over as many colour pixels as a depth pixel covers; FDKN's
nine taps (arXiv 1910.08373) are too near to each other to average it out. Weights are positive and sum to one, as in
the paper's form without residual, so the result lies between what is there. What differs from the pixel by many units
of error counts less, as in a bilateral filter (Tomasi & Manduchi 1998); how much less, the network says.

The image is the logarithm of depth. It is repeated beyond its border.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SQUARES = (1, 3, 9)
"""Sides of the squares, in pixels; their middles are as far apart."""
TAPS = 9 * len(SQUARES) - 1
REACH = SQUARES[-1] + SQUARES[-1] // 2
"""Pixels that a kernel reaches each way."""

_MOST_UNITS = 20.0  # beyond, a tap counts as little as it can


def taps_of(image: Tensor) -> Tensor:
    """The taps of every pixel, (B, 26, H, W), of an image (B, 1, H, W)."""
    height, width = image.shape[-2:]
    padded = F.pad(image, (REACH,) * 4, mode="replicate")
    taps = []
    for side in SQUARES:
        means = padded if side == 1 else F.avg_pool2d(padded, side, stride=1)
        first = REACH - side // 2
        for down in (-side, 0, side):
            for right in (-side, 0, side):
                if side > 1 or down or right:
                    y, x = first + down, first + right
                    taps.append(means[:, :, y : y + height, x : x + width])
    return torch.cat(taps, dim=1)


def smoothed(image: Tensor, logits: Tensor, share: Tensor, steepness: Tensor, unit: Tensor) -> Tensor:
    """What filtering adds to the image, (B, 1, H, W).

    Args:
        image: (B, 1, H, W), logarithm of depth.
        logits: of the taps' weights, (B, 26, H, W).
        share: of the taps against the pixel itself, (B, 1, H, W), in [0, 1].
        steepness: how fast a tap's weight falls with its difference, per unit, (B, 1, H, W), not negative.
        unit: of that difference, (B, 1, H, W).
    """
    differences = taps_of(image) - image
    distance = (differences.abs() / unit).clamp(max=_MOST_UNITS)
    weights = torch.softmax(logits - steepness * distance, dim=1)
    return share * (weights * differences).sum(dim=1, keepdim=True)
