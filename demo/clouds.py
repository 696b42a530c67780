"""A point cloud seen from the side, coloured by the photograph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera

_YAW, _PITCH = math.radians(62), math.radians(12)
_PAPER = 24
_SQUARE = np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
_MARGIN = 0.02  # of the view, on each side


@dataclass(frozen=True)
class SideView:
    """A parallel projection from the side, the same for all clouds that are compared.

    Attributes:
        camera: that the depth images are of.
        pivot: distance of the point that the view turns about, metres.
        middle: what is in the middle of the picture, x and y in metres of the projection.
        scale: pixels per metre.
        size: height and width of the picture, pixels.
    """

    camera: Camera
    pivot: float
    middle: tuple[float, float]
    scale: float
    size: tuple[int, int]

    @classmethod
    def around(cls, depth: NDArray[np.float32], camera: Camera, size: tuple[int, int]) -> SideView:
        """A view that shows nearly all of a depth image, (H, W) metres."""
        known = depth[np.isfinite(depth)]
        view = cls(camera, float(np.median(known)), (0.0, 0.0), 1.0, size)
        points = view._turned(depth)[:, :2]
        low, high = np.percentile(points, (0.5, 99.5), axis=0)
        extent = np.maximum((high - low) * (1 + 2 * _MARGIN), 1e-3)
        scale = float(min(size[1] / extent[0], size[0] / extent[1]))
        return cls(camera, view.pivot, (float(low[0] + high[0]) / 2, float(low[1] + high[1]) / 2), scale, size)

    def draw(self, depth: NDArray[np.float32], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture of a cloud, (height, width, 3) uint8 BGR.

        Args:
            depth: (H, W) metres, NaN invalid.
            rgb: (H, W, 3).
        """
        height, width = self.size
        page = np.full((height, width, 3), _PAPER, np.uint8)
        points = self._turned(depth)
        order = np.argsort(-points[:, 2], kind="stable")  # what is drawn last is in front
        colours = rgb[np.isfinite(depth)][order][:, ::-1]
        places = (points[order, :2] - self.middle) * self.scale + (width / 2, height / 2)
        # each point is a square of four pixels
        x, y = (np.floor(places)[:, None] + _SQUARE).reshape(-1, 2).astype(np.intp).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        page[y[inside], x[inside]] = np.repeat(colours, len(_SQUARE), axis=0)[inside]
        return page

    def _turned(self, depth: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, 3) right, down and away, metres, of the valid pixels in order."""
        known = np.isfinite(depth)
        z = depth[known].astype(np.float64)
        x, y = (self.camera.rays()[known] * z[:, None]).T
        z -= self.pivot
        right, away = x * math.cos(_YAW) + z * math.sin(_YAW), z * math.cos(_YAW) - x * math.sin(_YAW)
        return np.stack([right, y * math.cos(_PITCH) - away * math.sin(_PITCH), away], axis=-1)
