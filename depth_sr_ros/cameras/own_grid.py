"""The sensor's own grid inside depth of the colour image's size.

Some drivers align depth to colour as a dot per sample (depth_image_proc/register), some repeat samples, most draw them
without gaps. One look at an image tells the first two: dots that hardly touch each other, evenly spread; columns and
rows that are whole copies of their neighbours, equally often. In doubt every pixel is a sample, so that no measurement
is thrown away to be guessed back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.grids import Size

Kind = Literal["dense", "dots", "repeated"]

LEAST_LOOK = 64
"""Measured pixels that a look needs."""

_BLOCK = 64  # pixels that the density of dots is counted over
_TOUCHING = 0.3  # share of dots that may have a measured neighbour beside or below
_CROWDED = 60  # percentile of the blocks' densities; those far below have holes of the sensor
_RATIOS = 1.6, 16.0  # pixels between dots; nearer, gaps are as well those of a poor image


@dataclass(frozen=True)
class OwnGrid:
    """How samples lie in depth of the colour image's size.

    Attributes:
        kind: `dense` samples at every pixel, `dots` between gaps, or `repeated` ones.
        size: (height, width) of the sensor's grid over the image.
        rows: of `repeated` samples, the first row of each.
        columns: likewise.
    """

    kind: Kind
    size: Size
    rows: NDArray[np.intp] | None = None
    columns: NDArray[np.intp] | None = None

    def take(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples on their own grid, (height, width) as `size` says.

        Args:
            depth: (H, W) metres, NaN, infinite or not positive where invalid; not changed.
        """
        if self.kind == "repeated":
            return np.ascontiguousarray(depth[np.ix_(self.rows, self.columns)])  # type: ignore[arg-type]
        return self._nearest_dots(depth) if self.kind == "dots" else depth

    def _nearest_dots(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """The dot nearest to each cell's middle, NaN where it is farther than a dot can lie beside its place."""
        known = _known(depth)
        if not known.any():
            return np.full(self.size, np.nan, np.float32)
        away, label = cv2.distanceTransformWithLabels(
            (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, labelType=cv2.DIST_LABEL_PIXEL
        )
        value = np.zeros(int(label.max()) + 1, np.float32)
        value[label[known]] = depth[known]
        rows, columns = (_middles(have, cells) for have, cells in zip(depth.shape, self.size, strict=True))
        spacing = math.sqrt(depth.size / (self.size[0] * self.size[1]))
        at = np.ix_(rows, columns)
        return np.where(away[at] <= spacing * math.sqrt(0.5) + 0.7, value[label[at]], np.float32(np.nan))


class OwnGrids:
    """Remembers how depth of each size is sampled, by the first image of that size that tells."""

    def __init__(self) -> None:
        self._known: dict[Size, OwnGrid] = {}

    def of(self, depth: NDArray[np.float32]) -> OwnGrid:
        """How depth of the colour image's size is sampled; `dense` as long as nothing tells.

        Args:
            depth: as `own_grid` takes it.
        """
        size = _size(depth)
        if size not in self._known:
            found = own_grid(depth)
            if found is None:
                return OwnGrid("dense", size)
            self._known[size] = found
        return self._known[size]


def own_grid(depth: NDArray[np.float32]) -> OwnGrid | None:
    """Looks at depth of the colour image's size.

    Args:
        depth: (H, W) metres, NaN, infinite or not positive where invalid.

    Returns:
        None where too little is measured to tell.
    """
    known = _known(depth)
    if np.count_nonzero(known) < LEAST_LOOK:
        return None
    return _repeated(depth, known) or _dots(known) or OwnGrid("dense", _size(depth))


def _dots(known: NDArray[np.bool_]) -> OwnGrid | None:
    dots = np.count_nonzero(known)
    for beside in (known[:, 1:] & known[:, :-1], known[1:] & known[:-1]):
        if np.count_nonzero(beside) > _TOUCHING * dots:
            return None
    density = cv2.blur(known.astype(np.float32), (_BLOCK, _BLOCK), borderType=cv2.BORDER_ISOLATED)
    inner = density[_BLOCK // 2 : -_BLOCK // 2, _BLOCK // 2 : -_BLOCK // 2]
    inner = inner if (inner > 0).any() else density
    crowded = np.percentile(inner[inner > 0], _CROWDED)
    ratio = 1 / math.sqrt(float(inner[inner > 0.75 * crowded].mean()))
    if not _RATIOS[0] <= ratio <= _RATIOS[1]:
        return None
    return OwnGrid("dots", (max(1, round(known.shape[0] / ratio)), max(1, round(known.shape[1] / ratio))))


def _repeated(depth: NDArray[np.float32], known: NDArray[np.bool_]) -> OwnGrid | None:
    clean = np.where(known, depth, np.float32(0))
    rows, columns = _run_starts(clean), _run_starts(clean.T)
    if rows is None or columns is None:
        return None
    ratios = depth.shape[0] / len(rows), depth.shape[1] / len(columns)
    if abs(math.log(ratios[0] / ratios[1])) > 0.1:
        return None
    return OwnGrid("repeated", (len(rows), len(columns)), rows, columns)


def _run_starts(lines: NDArray[np.float32]) -> NDArray[np.intp] | None:
    """First lines of runs of equal ones, where all runs are about equally long."""
    changes = (lines[1:] != lines[:-1]).any(axis=1)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    lengths = np.diff(starts)[1:]  # those at the ends may be cut off
    if len(lengths) < 4:
        return None
    ratio = float(lengths.mean())
    if not 1.2 <= ratio <= _RATIOS[1] or lengths.min() < math.floor(ratio) or lengths.max() > math.ceil(ratio):
        return None
    return starts


def _middles(pixels: int, cells: int) -> NDArray[np.intp]:
    return np.minimum(((np.arange(cells) + 0.5) * pixels / cells).astype(np.intp), pixels - 1)


def _known(depth: NDArray[Any]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.isfinite(depth) & (depth > 0)


def _size(depth: NDArray[np.float32]) -> Size:
    return depth.shape[0], depth.shape[1]
