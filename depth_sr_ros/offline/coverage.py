"""How much of the colour image gets depth, and why that is less than what the sensor measures."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.upsampler import UpsampledDepth

ALLOWED_FALL = 0.05
"""Share of the image by which coverage may stay behind what the sensor measures without being told."""

_TRIED = 65  # pixels per row and column of the colour image that are asked


class Coverage:
    """Gathers shares of frames.

    Args:
        newest: how many frames count; None counts all.

    Attributes:
        measured: share of each depth image that is measured.
        covered: share of each colour image that has valid depth.
        beyond: share of each depth image that is out of the range asked for.
        distances: median depth of each frame, metres.
    """

    def __init__(self, newest: int | None = None) -> None:
        self.measured: deque[float] = deque(maxlen=newest)
        self.covered: deque[float] = deque(maxlen=newest)
        self.beyond: deque[float] = deque(maxlen=newest)
        self.distances: deque[float] = deque(maxlen=newest)

    def add(self, depth: NDArray[np.float32], result: UpsampledDepth) -> None:
        """Takes a frame in.

        Args:
            depth: (h, w) metres, NaN where invalid, as it came.
            result: what was made of it.
        """
        known = depth[np.isfinite(depth)]
        self.measured.append(known.size / depth.size)
        self.covered.append(float(result.valid.mean()))
        self.beyond.append(result.beyond_range / depth.size)
        if known.size:
            self.distances.append(float(np.median(known)))

    def warning(self, cameras: Calibration | None = None) -> str | None:
        """One sentence where much less is covered than was measured, with the cause that explains most of it.

        Args:
            cameras: of depth that was registered here.
        """
        if not self.covered:
            return None
        measured, covered, beyond = (float(np.mean(v)) for v in (self.measured, self.covered, self.beyond))
        lost = measured - covered
        if lost <= ALLOWED_FALL:
            return None
        causes = {"of it lies out of depth_min to depth_max": beyond}
        if cameras is not None:
            distance = float(np.median(self.distances))
            unseen = 1 - view_share(cameras, distance)
            causes[f"of the colour image's view lies outside the depth camera's at {distance:.1f} m"] = unseen
        cause, share = max(causes.items(), key=lambda item: item[1])
        found = f"coverage falls from {measured:.0%} of the depth images to {covered:.0%} of the colour images"
        rest = "hidden from the depth camera, or beside edges"
        if share < lost / 4:
            return f"{found}: the rest is {rest}"
        return f"{found}: {share:.0%} {cause}{f'; more is {rest}' if share < 0.75 * lost else ''}"


def view_share(cameras: Calibration, distance: float) -> float:
    """Share of the colour image whose view at a distance, metres, the depth camera sees; 1 where there is none."""
    if cameras.depth is None or cameras.depth_to_colour is None:
        return 1.0
    height, width = cameras.colour.size
    x, y = np.meshgrid(np.linspace(0, width - 1, _TRIED), np.linspace(0, height - 1, _TRIED))
    rays = cameras.colour.directions(np.stack([x, y], axis=-1))
    points = distance * np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
    back = np.linalg.inv(cameras.depth_to_colour)
    seen = cameras.depth.project(points @ back[:3, :3].T + back[:3, 3])
    inside = (seen > -0.5) & (seen < np.array(cameras.depth.size[::-1]) - 0.5)
    return float(inside.all(axis=-1).mean())
