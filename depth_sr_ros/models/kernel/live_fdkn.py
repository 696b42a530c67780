"""FDKN's live form: two branches at a quarter of the resolution, and kernels per pixel, for registered depth.

Beomjun Kim, Jean Ponce, Bumsub Ham, "Deformable Kernel Networks for Joint Image Filtering", IJCV 2021,
arXiv 1910.08373. As in the paper a branch looks at the guide and another at depth, both with the 16 pixels of a 4 x 4
cell side by side, and what comes out are weights of a kernel for every pixel. What is this project's own:

* the depth branch sees more maps than the start image (`live.features`);
* before anything is filtered, a blend of near and far surface says which of the two a pixel shows (`live.selection`):
  kernels cannot mend a start image that is wrong over more pixels than they reach. A head says so directly, and
  another how much each pixel's own colour weighs, which a quarter of the resolution would blur;
* the branches meet before the heads, and a part of the network works at an eighth of the resolution with dilated
  convolutions: which surface fills a hole is seen from far away;
* the kernel's taps do not move, they grow (`live.smoothing`), and weights are normalised;
* a head gives the expected error, relative to what noise, hypotheses and quality let expect.

The heads start at zero: a network that was not trained gives the start image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import float32_on
from depth_sr_ros.models.live import features, selection, smoothing
from depth_sr_ros.models.live.network import LiveNetwork, LiveOutputs, error_unit
from depth_sr_ros.models.registry import register_live_model

WIDTHS = (64, 112, 96)
"""Channels of a branch, of what both become, and of the part at an eighth of the resolution."""

_DILATIONS = (1, 2, 4, 1)
_MAPS = (smoothing.TAPS, 1, 1, 1, 1, 1)  # taps, their share, steepness, opinion, what colour weighs in it, error
_SHARE = slice(smoothing.TAPS * features.PIXELS, (smoothing.TAPS + 1) * features.PIXELS)
_ERROR = slice(-features.PIXELS, None)
_LARGEST_LOG_ERROR = 5.0
_NOISE_PART, _GAP_PART = 0.3, 0.15  # of a unit of error and of the gap between the surfaces, that errors are like
_UNSURE = 2.0  # times as much for each step of quality below measured


@register_live_model("fdkn")
class LiveFDKN(LiveNetwork):
    """Fast kernel network for registered depth.

    Args:
        widths: channels of each branch, of the part that both become, and of the part at an eighth of the resolution.

    Raises:
        ValueError: not three positive numbers.
    """

    size_multiple = 2 * features.BLOCK
    reach = features.REACH + 4 * 5 + 8 * (1 + sum(_DILATIONS)) + smoothing.REACH

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        if len(widths) != len(WIDTHS) or min(widths) < 1:
            raise ValueError(f"widths: expected {len(WIDTHS)} positive numbers of channels, found {widths!r}")
        branch, joint, context = widths
        self.options = {"widths": list(widths)}
        self.guide_branch = _branch(features.GUIDE_CHANNELS, branch)
        self.depth_branch = _branch(features.DEPTH_CHANNELS, branch)
        self.context = Context(2 * branch, context, joint)
        self.joint = nn.Sequential(*_layer(2 * branch, joint))
        self.last = nn.Sequential(*_layer(joint, joint))
        self.head = nn.Conv2d(joint, sum(_MAPS) * features.PIXELS, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

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
        seen = torch.cat((self.guide_branch(guide_maps), self.depth_branch(maps)), dim=1)
        found = self.head(self.last(self.joint(seen) + self.context(seen)))
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


class Context(nn.Module):
    """A wider view at half of the positions' resolution, as what it adds to their features.

    Args:
        inputs: channels that come.
        width: channels within.
        outputs: channels that are given.
    """

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.reduce = nn.Sequential(*_layer(inputs, width, stride=2))
        self.layers = nn.ModuleList(nn.Sequential(*_layer(width, width, dilation=d)) for d in _DILATIONS)
        self.enlarge = nn.Conv2d(width, 4 * outputs, 1)

    def forward(self, seen: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w); h and w even."""
        seen = self.reduce(seen)
        for layer in self.layers:
            seen = seen + layer(seen)
        return F.pixel_shuffle(self.enlarge(seen), 2)


def _branch(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(*_layer(channels, width), *_layer(width, width))


def _layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    """A 3 x 3 convolution, normalised, and a ReLU."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _unit_interval(share: Tensor) -> Tensor:
    """Limits a share to [0, 1]; in training its gradient passes, or a share of zero could never grow again."""
    limited = share.clamp(0, 1)
    return share + (limited - share).detach() if share.requires_grad else limited


def _usual_error(unit: Tensor, gap: Tensor, quality: Tensor) -> Tensor:
    """What a sensor's noise and two possible surfaces let expect before anything is looked at, metres."""
    return (_NOISE_PART * unit + _GAP_PART * gap) * (1 + (_UNSURE - 1) * (3 - quality))
