"""What registration is told, and what it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RegistrationOptions:
    """How depth is registered.

    Attributes:
        fill: fill what the depth camera did not see; otherwise it stays NaN.
        depth_min: nearest distance along the depth camera's axis that counts, metres; what is nearer is invalid.
        depth_max: farthest distance that counts, metres.
        noise_m: depth difference of neighbours on one surface that noise and steps explain, metres, at depth 0.
        noise_share: what that grows by per metre of depth.
        slant: slope of the steepest surface that still hangs together: the tangent of its angle to the image plane.
        assign_mixed: split the squares of pixels that mix two surfaces, as those of time-of-flight cameras do along
            edges, between both; where pixels lie on pixels, each takes the surface that it is nearer to. Otherwise
            what is measured stays as it is.
        threads: at most; 0 takes as many as OpenCV does.
    """

    fill: bool = True
    depth_min: float = 0.0
    depth_max: float = math.inf
    noise_m: float = 0.005
    noise_share: float = 0.012
    slant: float = 4.0
    assign_mixed: bool = False
    threads: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.depth_min < self.depth_max:
            raise ValueError(
                f"depth range: expected 0 <= depth_min < depth_max, found {self.depth_min} and {self.depth_max} m"
            )
        if not min(self.noise_m, self.noise_share, self.slant, self.threads) >= 0:
            raise ValueError(
                "registration: expected noise_m, noise_share, slant and threads not negative, found "
                f"{self.noise_m}, {self.noise_share}, {self.slant} and {self.threads}"
            )


@dataclass(frozen=True)
class Registered:
    """A depth image as the colour camera sees it. The arrays are the caller's; depth is along the colour camera's axis.

    Attributes:
        start: (H, W) float32 metres, NaN where nothing is known (nowhere when holes are filled).
        quality: (H, W) uint8: `NOTHING` 0, `FILLED` 1, `FOOTPRINT` 2 (a depth pixel's own square, beside a gap),
            `MEASURED` 3 (a measured pixel, or between such on one surface).
        near: (H, W) float32 metres: the nearest surface that may be there, near <= start <= far. It is start but near
            edges and in holes.
        far: (H, W) float32 metres: the farthest surface that may be there.
        coverage: share of the image that is measured, own squares among it, filled pixels not.
        beyond_range: how many measured depth pixels were left out by `depth_min` and `depth_max`.
    """

    start: NDArray[np.float32]
    quality: NDArray[np.uint8]
    near: NDArray[np.float32]
    far: NDArray[np.float32]
    coverage: float
    beyond_range: int
