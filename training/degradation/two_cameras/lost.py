"""Surfaces that are not measured: dark, shiny, grazing and thin ones, and whole patches.

Too little light comes back from what is dark and from what is seen at a grazing angle, too much or none from what is
shiny; a stereo window loses what is thinner than itself (Sarbolandi, Lefloch and Kolb, "Kinect range sensing:
structured-light versus time-of-flight Kinect", 2015; Khoshelham and Elberink, 2012; for Kinect v2 Fankhauser et al.,
2015). Patches are what multiple reasons look like in recordings: glass, sunlight, repeated texture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.two_cameras.dropouts import at_edges
from training.degradation.two_cameras.fields import smooth_field
from training.degradation.two_cameras.pixels import Seen

_BLACK, _WHITE = 0.12, 0.93  # brightness in [0, 1] below which a surface is dark, above which it is shiny
_GRAZING = 4.0  # tangent of the angle between ray and normal from which a surface grazes
_JUMP = 0.05  # share of the depth that makes an edge, or lies behind something thin
_FRAY = 0.5  # of a smooth field's deviation: how ragged patches are


@dataclass(frozen=True)
class Lost:
    """Shares of pixels that are lost, each of those that have a reason; patches of all.

    Attributes:
        dark: of black surfaces; less of dark grey ones.
        shiny: of white ones, where the image is overexposed or a light mirrors itself.
        grazing: of those seen at a grazing angle.
        thin: of those narrower than `thin_width` pixels.
        edges: of those whose square, or a neighbour's within `edge_reach`, sees two surfaces.
        patches: of all pixels, in patches.
        thin_width: pixels.
        edge_reach: pixels.
        patch_length: pixels that a patch is wide.
    """

    dark: float = 0.0
    shiny: float = 0.0
    grazing: float = 0.0
    thin: float = 0.0
    edges: float = 0.0
    patches: float = 0.0
    thin_width: int = 3
    edge_reach: int = 0
    patch_length: float = 6.0

    def mask(self, seen: Seen, focal: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Which pixels are lost, (h, w).

        Args:
            seen: what the pixels see.
            focal: of the depth camera, pixels.
            rng: source of chance.
        """
        size = seen.depth.shape[0], seen.depth.shape[1]
        kept = np.ones(size, np.float32)
        if self.dark:
            kept *= 1 - np.float32(self.dark) * np.clip(2 - seen.brightness / np.float32(_BLACK), 0, 1)
        for share, where in self._reasons(seen, focal):
            kept *= np.where(where, np.float32(1 - share), np.float32(1))
        lost = rng.random(size, dtype=np.float32) >= kept
        return lost | self._patches(size, rng)

    def _reasons(self, seen: Seen, focal: float) -> list[tuple[float, NDArray[np.bool_]]]:
        found = []
        if self.shiny:
            found.append((self.shiny, np.asarray(seen.brightness > _WHITE)))
        if self.grazing:
            found.append((self.grazing, grazing(seen.depth, focal)))
        if self.thin:
            found.append((self.thin, thin(seen.depth, self.thin_width)))
        if self.edges:
            found.append((self.edges, at_edges(np.stack([seen.near, seen.far], axis=-1), self.edge_reach, _JUMP)))
        return found

    def _patches(self, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
        count = round(self.patches * size[0] * size[1])
        if not count:
            return np.zeros(size, bool)
        field = smooth_field(size, self.patch_length, rng)
        field += np.float32(_FRAY) * rng.standard_normal(size, dtype=np.float32)
        return np.asarray(field >= np.partition(field, -count, axis=None)[-count])


def grazing(depth: NDArray[np.float32], focal: float) -> NDArray[np.bool_]:
    """Pixels (h, w) of surfaces that are seen at a grazing angle; those beside a jump are not.

    Args:
        depth: metres, NaN where unknown.
        focal: pixels.
    """
    z = np.where(np.isfinite(depth), depth, np.float32(0))
    slopes = []
    for axis in (0, 1):
        step = np.diff(z, axis=axis, append=z.take([-1], axis))
        before = np.roll(step, 1, axis)
        alike = np.minimum(np.abs(step), np.abs(before))  # at a jump one of the two is small
        slopes.append(np.where(step * before > 0, alike, 0) * focal / np.maximum(z, 1e-3))
    return np.asarray(np.hypot(*slopes) > _GRAZING)


def thin(depth: NDArray[np.float32], width: int) -> NDArray[np.bool_]:
    """Pixels (h, w) of what stands before everything around it and is narrower than `width` pixels."""
    nearness = np.where(np.isfinite(depth), 1 / np.maximum(depth, 1e-3), np.float32(0)).astype(np.float32)
    opened = cv2.morphologyEx(nearness, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))
    return np.asarray(nearness > opened * np.float32(1 + _JUMP))
