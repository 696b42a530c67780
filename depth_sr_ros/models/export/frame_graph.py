"""The frame graph: everything a frame needs, from raw arrays to metric depth, around any network.

Colour bytes and metric depth with holes go in; dense metric depth and its validity come out. Being one graph it is one
call of an inference engine, one copy in and one copy out.

Holes. Each hole is filled by the mean of the valid cells around it, over the smallest window that has any (a normalised
convolution, Knutsson & Westin 1993), and the start image is the bicubic of the filled map, exactly the operator of
training. A fill lies between measured values, so a hole neither rings nor bleeds as a zero would, and it changes the
start image no farther than one and a half cells beyond its edge. Filled pixels are not valid. (A positive kernel near
holes, which cannot overshoot at all, was tried: being smoother than what the network was trained on, it cost a third of
the accuracy on depth with missing edge cells.)

Range. Depth is normalised by the smallest and the largest valid depth of the frame, and the result is kept between
them: no pixel is nearer or farther than anything that the sensor measured. Without this, a near edge before a far wall
can overshoot to negative distances.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depth_sr_ros.models.base import GuidedUpsampler
from depth_sr_ros.models.layers.interpolation import PhaseUpsampler, keys_cubic

# cells over which a hole is filled from its surroundings, coarse to fine; beyond, the frame's mean stands in
_FILL_WINDOWS = (27, 9, 3)


class FrameGraph(nn.Module):
    """A network with units, normalisation and hole handling around it.

    Args:
        network: the network; it should be in evaluation mode.
    """

    def __init__(self, network: GuidedUpsampler) -> None:
        super().__init__()
        self.network = network
        self.start = MaskedStartImage(network.scale)

    def forward(self, rgb: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Super-resolves one frame.

        Args:
            rgb: colour image, uint8 (H, W, 3), RGB; H and W are `scale` times the depth's size.
            depth: sensor depth, float32 (h, w), metres, 0 where invalid.

        Returns:
            `depth_hr`, float32 (H, W), metres, between the smallest and the largest valid depth of the frame, 0
            everywhere where no cell is valid; and `valid`,
            uint8 (H, W), 1 where the sensor cell that a pixel lies in is valid, else 0.
        """
        scale = self.network.scale
        guide = rgb.permute(2, 0, 1).unsqueeze(0).to(torch.float32) * (1 / 255)
        depth = depth.unsqueeze(0).unsqueeze(0)
        mask = (depth > 0).to(torch.float32)
        low, span = valid_range(depth, mask)
        dense, start = self.start((depth - low) / span * mask, mask)
        measured = (mask,) if self.network.uses_validity else ()
        refined = self.network.refine(guide, dense, start, *measured).clamp(0, 1)
        some_valid = mask.amax(dim=(2, 3), keepdim=True)
        depth_hr = (refined * span + low) * some_valid
        height, width = mask.shape[2:]
        cells = mask.reshape(1, height, 1, width, 1).expand(1, height, scale, width, scale)
        valid = cells.reshape(height * scale, width * scale).to(torch.uint8)
        return depth_hr.squeeze(0).squeeze(0), valid


class MaskedStartImage(nn.Module):
    """Fills and up-samples a normalised depth map that has holes.

    Args:
        scale: integer factor.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.bicubic = PhaseUpsampler(scale, keys_cubic)

    def forward(self, depth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Both (1, 1, h, w), depth 0 where mask is 0 -> dense depth (1, 1, h, w) and start image (1, 1, H, W)."""
        dense = depth + (1 - mask) * fill_holes(depth, mask)
        return dense, self.bicubic(dense) / self.bicubic(torch.ones_like(mask))


def fill_holes(depth: Tensor, mask: Tensor) -> Tensor:
    """Mean of the valid cells around each cell, over the smallest window that has any, (1, 1, h, w).

    Every value is a convex combination of valid ones; where nothing is valid at all it is 0.
    """
    fill = _ratio(depth.sum(dim=(2, 3), keepdim=True), mask.sum(dim=(2, 3), keepdim=True))
    for window in _FILL_WINDOWS:
        total, share = _box(depth, window), _box(mask, window)
        fill = torch.where(share > 0, _ratio(total, share), fill)
    return fill


def valid_range(depth: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest valid depth and the span to the largest, each (1, 1, 1, 1).

    A flat frame, or one without valid depth, gets a span of a millimetre, so that normalising never divides by zero.
    """
    high = (depth * mask).amax(dim=(2, 3), keepdim=True)
    low = high - ((high - depth) * mask).amax(dim=(2, 3), keepdim=True)
    return low, (high - low).clamp(min=1e-3)


def _box(image: Tensor, window: int) -> Tensor:
    rows = F.avg_pool2d(image, (window, 1), stride=1, padding=(window // 2, 0))
    return F.avg_pool2d(rows, (1, window), stride=1, padding=(0, window // 2))


def _ratio(total: Tensor, share: Tensor) -> Tensor:
    return total / share.clamp(min=1e-6)
