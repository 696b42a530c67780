"""How far depth is from exact depth, overall and where it matters. Pure functions on arrays.

Images are (H, W) float metres, NaN where there is no value. A depth edge lies between two neighbouring pixels of the
truth of which one is more than `JUMP` farther than the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.holes import fill_nearest

JUMP = 0.03
"""Share by which neighbours differ at a depth edge."""

EDGE_BAND = 4.0
"""Pixels from a depth edge within which errors count as errors at edges."""

GROSS = 0.05
"""Share of the true depth beyond which an error is gross, and a point flies."""

REACH = 3.0
"""Pixels within which a point looks for a true surface."""

Depth = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scores:
    """Errors of one image against the truth, over the pixels that have both.

    Attributes:
        mae: mean absolute error, millimetres.
        edges: the same within `EDGE_BAND` of a depth edge.
        elsewhere: the same of the others.
        gross: share of the pixels whose error is beyond `GROSS` of the true depth.
        coverage: share of the known truth that has a value.
        flying: share of the values that are farther than `GROSS` from every true surface within `REACH`.
    """

    mae: float
    edges: float
    elsewhere: float
    gross: float
    coverage: float
    flying: float


def scores(depth: Depth, truth: Depth, where: Mask | None = None) -> Scores:
    """Judges an image.

    Args:
        depth: what is judged.
        truth: exact depth.
        where: (H, W) pixels to look at; None looks at all.

    Raises:
        ValueError: sizes differ.
    """
    if depth.shape != truth.shape:
        raise ValueError(f"metrics: expected depth of {truth.shape}, as the truth, found {depth.shape}")
    looked = np.ones(truth.shape, bool) if where is None else where
    known = np.isfinite(truth) & looked
    scored = known & np.isfinite(depth)
    error = np.abs(depth.astype(np.float64) - truth)
    edge = near_edges(truth)
    far_off = flying(depth, truth)
    return Scores(
        mae=1e3 * _mean(error[scored]),
        edges=1e3 * _mean(error[scored & edge]),
        elsewhere=1e3 * _mean(error[scored & ~edge]),
        gross=_mean(error[scored] > GROSS * truth[scored]),
        coverage=_mean(np.isfinite(depth)[known]),
        flying=_mean(far_off[looked & np.isfinite(depth) & within_reach(truth)]),
    )


def depth_edges(truth: Depth) -> Mask:
    """Pixels on either side of a depth edge. Unknown truth takes the nearest known value."""
    known = np.isfinite(truth)
    full = fill_nearest(np.where(known, truth, 0).astype(np.float32), known)
    edge = np.zeros(truth.shape, bool)
    for one, other in (_down(full), _right(full)):
        jump = np.maximum(one, other) > (1 + JUMP) * np.minimum(one, other)
        rows, columns = jump.shape
        edge[:rows, :columns] |= jump
        edge[-rows:, -columns:] |= jump
    return edge


def near_edges(truth: Depth) -> Mask:
    """Pixels whose centre is within `EDGE_BAND` of that of a pixel beside a depth edge."""
    edge = depth_edges(truth)
    if not edge.any():
        return edge
    return np.asarray(cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= EDGE_BAND)


def flying(depth: Depth, truth: Depth) -> Mask:
    """Pixels whose value is farther than `GROSS` from every true depth within `REACH`, and that have one in reach."""
    near_a_surface = np.zeros(truth.shape, bool)
    for rows, columns, other_rows, other_columns in _neighbours(truth.shape):
        with np.errstate(invalid="ignore"):
            other = truth[other_rows, other_columns]
            near_a_surface[rows, columns] |= np.abs(depth[rows, columns] - other) <= GROSS * other
    return np.isfinite(depth) & ~near_a_surface & within_reach(truth)


def within_reach(truth: Depth) -> Mask:
    """Pixels with known truth within `REACH`."""
    unknown = (~np.isfinite(truth)).astype(np.uint8)
    if unknown.all():
        return np.zeros(truth.shape, bool)
    return np.asarray(cv2.distanceTransform(unknown, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= REACH)


def _neighbours(size: tuple[int, ...]) -> list[tuple[slice, slice, slice, slice]]:
    """Slices that put each pixel beside one within `REACH`: own rows and columns, then those of the other."""
    reach = range(-int(REACH), int(REACH) + 1)
    shifts = [(y, x) for y in reach for x in reach if y * y + x * x <= REACH**2]
    return [(_own(y, size[0]), _own(x, size[1]), _own(-y, size[0]), _own(-x, size[1])) for y, x in shifts]


def _own(shift: int, size: int) -> slice:
    return slice(max(0, -shift), max(0, min(size, size - shift)))


def _down(image: Depth) -> tuple[Depth, Depth]:
    return image[:-1], image[1:]


def _right(image: Depth) -> tuple[Depth, Depth]:
    return image[:, :-1], image[:, 1:]


def _mean(values: NDArray[np.float64] | Mask) -> float:
    return float(values.mean()) if values.size else float("nan")
