"""Takes measurements of a real frame away, where sensors lose them, so that what is put there has a truth.

A network that fills holes of recordings has nothing to be compared with in them. Holes that are made have: the sensor's
own measurement. This is the blind spot of Krull, Buchholz and Jug ("Noise2Void", 2019) in the shapes that cameras lose:
patches, edges, thin and grazing surfaces (`lost`), and the strip that the other end of a baseline does not see
(`shadow`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradation.two_cameras.lost import Lost
from training.degradation.two_cameras.pixels import Seen
from training.degradation.two_cameras.ranges import Amount, Range, log_uniform
from training.degradation.two_cameras.shadow import Shadow

_GREY = 0.5  # brightness at which nothing is lost for being dark or shiny: a recording has lost that already
_MOST = 0.5  # share of the measured pixels that may be taken away


@dataclass(frozen=True)
class HidingRanges:
    """What is taken away, drawn per crop; names as in `lost.Lost`.

    Attributes:
        patches: share of all pixels, in patches.
        patch_length: depth pixels that a patch is wide, its logarithm uniform.
        edges: share of the pixels at depth edges.
        grazing: share of those of surfaces seen at a grazing angle.
        thin: share of those of thin objects.
        shadow: metres of the baseline whose other end does not see everything.
    """

    patches: Amount = Amount(0.01, 0.15)
    patch_length: Range = (3.0, 40.0)
    edges: Amount = Amount(0.1, 0.7, 0.8)
    grazing: Amount = Amount(0.1, 0.9, 0.3)
    thin: Amount = Amount(0.1, 0.9, 0.3)
    shadow: Amount = Amount(0.02, 0.09, 0.4)


def hidden(
    depth: NDArray[np.float32], focal: float, rng: np.random.Generator, ranges: HidingRanges | None = None
) -> NDArray[np.bool_]:
    """Which measured pixels to take away, (h, w); at most half of them.

    Args:
        depth: (h, w) metres, NaN where not measured.
        focal: of the depth camera, pixels.
        rng: source of chance.
        ranges: what is drawn from.
    """
    drawn = ranges or HidingRanges()
    known = np.isfinite(depth)
    lost = Lost(
        grazing=drawn.grazing.drawn(rng),
        thin=drawn.thin.drawn(rng),
        edges=drawn.edges.drawn(rng),
        patches=drawn.patches.drawn(rng),
        thin_width=int(rng.integers(2, 5)),
        edge_reach=int(rng.integers(0, 3)),
        patch_length=log_uniform(drawn.patch_length, rng),
    )
    shadow = Shadow(drawn.shadow.drawn(rng) * float(rng.choice((-1, 1))))
    mask = known & (lost.mask(_seen(depth, known), focal, rng) | shadow.mask(depth, focal))
    if mask.sum() > _MOST * known.sum():
        mask &= rng.random(depth.shape, dtype=np.float32) < _MOST * known.sum() / mask.sum()
    return mask


def _seen(depth: NDArray[np.float32], known: NDArray[np.bool_]) -> Seen:
    """A measured image as what pixels see: where neighbours differ, a pixel may see both."""
    square = np.ones((3, 3), np.uint8)
    near = cv2.erode(np.where(known, depth, np.float32(np.inf)), square)
    far = cv2.dilate(np.where(known, depth, np.float32(0)), square)
    grey = np.full(depth.shape, _GREY, np.float32)
    return Seen(depth, np.asarray(near, np.float32), np.asarray(far, np.float32), grey)
