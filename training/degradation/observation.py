"""What a degradation gives: a coarse depth map with holes, and how it is made dense."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from depth_sr_ros.models.frame_graph import fill_holes


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


@dataclass(frozen=True)
class Scene:
    """What noise models may want to know beside normalised depth.

    Attributes:
        span: values, in the ground truth's unit, that normalised 0 and 1 stand for; None where nobody knows, as after
            a random remapping of the depth axis.
        metric: whether that unit is metres.
        guide: colour image, (B, 3, H, W) in [0, 1]; None leaves out what depends on brightness.
        near_is_one: whether values grow towards the camera, as disparity does; cameras work on depth.
    """

    span: tuple[float, float] | None = None
    metric: bool = False
    guide: Tensor | None = None
    near_is_one: bool = False


UNKNOWN_SCENE = Scene()
"""Nothing is known but the map itself."""
