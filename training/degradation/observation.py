"""What a degradation gives: a coarse depth map with holes, and how it is made dense."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_sr_ros.models.export.frame_graph import fill_holes, valid_range


@dataclass(frozen=True)
class Observation:
    """Coarse depth as a sensor would deliver it.

    Attributes:
        depth: (B, 1, h, w), normalised like the depth it was made from; meaningless in holes.
        valid: (B, 1, h, w), 1.0 where something was measured, 0.0 in holes.
    """

    depth: Tensor
    valid: Tensor

    @classmethod
    def complete(cls, depth: Tensor) -> Observation:
        """An observation without holes."""
        return cls(depth, torch.ones_like(depth))

    def filled(self) -> Tensor:
        """Dense depth, holes filled by the very function that the frame graph uses at run time."""
        if bool(self.valid.all()):
            return self.depth
        known = self.depth * self.valid
        return known + (1 - self.valid) * fill_holes(known, self.valid)

    def as_frame(self) -> tuple[Observation, Tensor, Tensor]:
        """The same normalised by its own valid range, as the frame graph normalises a frame.

        Returns:
            Itself anew, and what its 0 and its 1 less its 0 are in the former normalisation, each (B, 1, 1, 1).
        """
        least = self.depth.amin(dim=(1, 2, 3), keepdim=True)  # the frame graph's depth is never negative
        low, span = valid_range(self.depth - least, self.valid)
        low = low + least
        return Observation((self.depth - low) / span, self.valid), low, span


@dataclass(frozen=True)
class Scene:
    """What noise models may want to know beside normalised depth.

    Attributes:
        span: values, in the ground truth's unit, that normalised 0 and 1 stand for; None where nobody knows, as after
            a random remapping of the depth axis.
        metric: whether that unit is metres.
        guide: colour image, (B, 3, H, W) in [0, 1]; None leaves out what depends on brightness.
        near_is_one: whether values grow towards the camera, as disparity does; cameras work on depth.
        valid: (B, 1, H, W), non-zero where the depth is real ground truth; None where all of it is.
    """

    span: tuple[float, float] | None = None
    metric: bool = False
    guide: Tensor | None = None
    near_is_one: bool = False
    valid: Tensor | None = None


UNKNOWN_SCENE = Scene()
"""Nothing is known but the map itself."""
