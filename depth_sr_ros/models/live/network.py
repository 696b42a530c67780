"""What every live network has in common: its inputs, its outputs and its configuration.

A live network sees what a camera delivers after registration (`depth_sr_ros.cameras.registration`): a dense start
image in metres, smoothed by the live filter (`depth_sr_ros.live.guided`), how each pixel is known, and for edges and
holes the nearest and the farthest surface that may be there. It has no scale: everything is at the colour image's size,
whatever the ratio of the cameras.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from depth_sr_ros.models.layers.guide import check_guide

NEAREST, FARTHEST = 1e-4, 1e4
"""Metres between which depth is computed with; what lies beyond is taken for the limit."""
NOISE_M, NOISE_SHARE = 0.01, 0.01
"""The larger of both, metres and share of the depth, is the unit in which errors near and far count alike."""


@dataclass(frozen=True)
class LiveOutputs:
    """What a live network makes of a frame; each (B, 1, H, W) float32.

    Attributes:
        depth: metres.
        error: expected absolute error of `depth`, metres, above 0: the scale of a Laplace distribution.
        blended: the image that was filtered: the start image, and where two surfaces are possible a blend of them,
            metres.
        which: logit of the far surface against the near one; it means something where near < far.
    """

    depth: Tensor
    error: Tensor
    blended: Tensor
    which: Tensor


class LiveNetwork(nn.Module, abc.ABC):
    """Base class of the live networks.

    Attributes:
        size_multiple: image height and width must be multiples of this.
        reach: pixels, along either axis, beyond which no pixel's inputs change another pixel's outputs.
        float32_parts: names of submodules whose layers stay in float32 where the others run in half precision.
        half_parts: patterns of names of submodules whose layers TensorRT's 8-bit graph leaves in half precision.
        options: the constructor's options, as they go onto an artifact's card;
            `create_live_model(name, **options)` rebuilds the same structure.
    """

    size_multiple: int = 1
    reach: int
    float32_parts: tuple[str, ...] = ()
    half_parts: tuple[str, ...] = ()
    options: dict[str, Any]

    def forward(self, guide: Tensor, start: Tensor, near: Tensor, far: Tensor, quality: Tensor) -> LiveOutputs:
        """Depth of a registered frame.

        Args:
            guide: colour image, (B, 3, H, W), RGB in [0, 1].
            start: registered depth as the live filter leaves it, dense, (B, 1, H, W), metres, finite.
            near: the nearest surface that may be there, near <= start, same shape.
            far: the farthest surface that may be there, start <= far, same shape.
            quality: (B, 1, H, W), codes of `cameras.registration`: 1 filled, 2 footprint, 3 measured; uint8 or float.

        Raises:
            ValueError: a shape does not fit; the message names the expected one.
        """
        self._check_shapes(guide, start=start, near=near, far=far, quality=quality)
        start = start.float().clamp(NEAREST, FARTHEST)
        near = torch.minimum(near.float().clamp(NEAREST, FARTHEST), start)
        far = torch.maximum(far.float().clamp(NEAREST, FARTHEST), start)
        return self.refine(guide, start, near, far, quality.to(guide.dtype))

    def deployed(self) -> LiveNetwork:
        """The network as it serves: without what only training needs. The network itself, unless it says otherwise."""
        return self

    @abc.abstractmethod
    def correct_error(self, constant: float, slope: float) -> None:
        """Changes what the error head says, e, to constant + slope e: the expected error is a usual one times exp(e).

        Args:
            constant: what is added; 0 keeps it.
            slope: factor; 1 keeps it, 0 leaves the usual error.
        """

    @abc.abstractmethod
    def refine(self, guide: Tensor, start: Tensor, near: Tensor, far: Tensor, quality: Tensor) -> LiveOutputs:
        """As `forward`, with depth between `NEAREST` and `FARTHEST`, near <= start <= far, and quality as float."""

    def _check_shapes(self, guide: Tensor, **maps: Tensor) -> None:
        batch, height, width = check_guide(guide, self.size_multiple)
        for name, image in maps.items():
            if tuple(image.shape) != (batch, 1, height, width):
                raise ValueError(f"{name}: expected {(batch, 1, height, width)}, found {tuple(image.shape)}")


def error_unit(depth: Tensor) -> Tensor:
    """Metres that count as one unit of error at a depth in metres: a centimetre or a per cent, the larger."""
    return (depth * NOISE_SHARE).clamp(min=NOISE_M)
