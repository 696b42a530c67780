"""What the live networks of this package say of every pixel, and what is made of it.

They differ in how they look at colour and depth. What they say is the same, all at a quarter of the resolution with the
16 pixels of a cell side by side:

* before anything is filtered, a blend of near and far surface says which of the two a pixel shows (`live.selection`):
  kernels cannot mend a start image that is wrong over more pixels than they reach. One map says so directly, and
  another how much each pixel's own colour weighs, which a quarter of the resolution would blur;
* the kernels' taps do not move, they grow (`live.smoothing`), and weights are normalised;
* the expected error is given relative to what noise, hypotheses and quality let expect.

The head starts at zero: a network that was not trained gives the start image.
"""

from __future__ import annotations

import abc

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import float32_on
from depth_sr_ros.models.live import features, selection, smoothing
from depth_sr_ros.models.live.network import LiveNetwork, LiveOutputs, error_unit

_MAPS = (smoothing.TAPS, 1, 1, 1, 1, 1)  # taps, their share, steepness, opinion, what colour weighs in it, error
_SHARE = slice(smoothing.TAPS * features.PIXELS, (smoothing.TAPS + 1) * features.PIXELS)
_ERROR = slice(-features.PIXELS, None)
_LARGEST_LOG_ERROR = 5.0
_NOISE_PART, _GAP_PART = 0.3, 0.15  # of a unit of error and of the gap between the surfaces, that errors are like
_UNSURE = 2.0  # times as much for each step of quality below measured

SEEN_REACH, SAID_REACH = features.REACH, smoothing.REACH
"""Pixels that the maps before a network's layers reach, and the kernels behind them."""


class LiveKernelNetwork(LiveNetwork):
    """A live network that says kernels, a choice and an expected error.

    Args:
        width: channels of what `look` gives.

    Attributes:
        head: the last layer, 1 x 1.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(width, sum(_MAPS) * features.PIXELS, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    @abc.abstractmethod
    def look(self, guide: Tensor, depth: Tensor) -> Tensor:
        """Features of every cell.

        Args:
            guide: `features.guide_maps`, (B, 65, H / 4, W / 4).
            depth: `features.depth_maps`, (B, 97, H / 4, W / 4).

        Returns:
            (B, width, H / 4, W / 4).
        """

    def start_from_filter(self) -> None:
        """Lets an untrained network begin as a bilateral filter instead of giving the start image.

        Its kernels get their full share, all taps with equal logits. Training need not find that out first.
        """
        with torch.no_grad():
            self.head.bias[_SHARE] = 1.0  # type: ignore[index]

    def correct_error(self, constant: float, slope: float) -> None:
        """See `LiveNetwork`."""
        with torch.no_grad():
            self.head.weight[_ERROR] *= slope
            self.head.bias[_ERROR] = constant + slope * self.head.bias[_ERROR]  # type: ignore[index]

    def refine(self, guide: Tensor, start: Tensor, near: Tensor, far: Tensor, quality: Tensor) -> LiveOutputs:
        """See `LiveNetwork`."""
        with float32_on(start.device):
            log_start, gap = start.log(), far - near
            position = selection.position_between(start, near, far)
            maps, sides = features.depth_maps(log_start, gap / near, position, quality)
            guide_maps = features.guide_maps(guide.float(), sides)
        found = self.head(self.look(guide_maps, maps))
        with float32_on(start.device):
            # planes: leaving channels_last here once is far cheaper than mixed layouts throughout
            planes = F.pixel_shuffle(found.float().contiguous(), features.BLOCK)
            logits, share, steepness, opinion, weight, error = planes.split(_MAPS, dim=1)
            colour = F.pixel_shuffle(features.between_of(guide_maps), features.BLOCK)
            chosen, which = selection.choose(position, opinion + weight * colour)
            # limited, since little is left of a small depth beside a gap of kilometres
            blended = torch.minimum(torch.maximum(start + (chosen - position) * gap, near), far)
            unit = error_unit(blended)
            weights = logits, _unit_interval(share), F.softplus(steepness), unit / blended
            depth = blended * smoothing.smoothed(blended.log(), *weights).exp()
            factor = error.clamp(-_LARGEST_LOG_ERROR, _LARGEST_LOG_ERROR).exp()
            return LiveOutputs(depth, _usual_error(unit, gap, quality) * factor, blended, which)


def _unit_interval(share: Tensor) -> Tensor:
    """Limits a share to [0, 1]; in training its gradient passes, or a share of zero could never grow again."""
    limited = share.clamp(0, 1)
    return share + (limited - share).detach() if share.requires_grad else limited


def _usual_error(unit: Tensor, gap: Tensor, quality: Tensor) -> Tensor:
    """What a sensor's noise and two possible surfaces let expect before anything is looked at, metres.

    It grows with the root of the gap: the wider it is, the more often the choice between the surfaces is an easy one.
    """
    either = (_NOISE_PART * unit + _GAP_PART * gap) * (1 + (_UNSURE - 1) * (3 - quality))
    return (unit * either).sqrt()
