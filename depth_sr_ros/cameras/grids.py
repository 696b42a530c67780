"""The grid a depth image lies on, relative to the colour image it is registered to.

Registered depth comes in three kinds. Some drivers keep the sensor's own coarse grid (colour size / scale). Some align
to the colour image, so the image is as large as the colour's although its content is coarse. Others lie between. All
are brought to the grid a network was made for, choosing measured values rather than averaging: across a depth edge an
average is a point in thin air.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.errors import FrameError

Kind = Literal["coarse", "colour_sized", "between"]
Size = tuple[int, int]

_MAX_ASPECT_ERROR = 0.03
LEAST_VALID = 1 / 16
"""Share of valid samples below which a cell is a hole; low, because aligned depth is often a sparse dot pattern."""


@dataclass(frozen=True)
class FrameLayout:
    """What is done with a depth image of a certain size.

    Attributes:
        kind: `coarse` is used as it is, `colour_sized` and `between` are resampled.
        scale: the network scale that serves it.
        grid: (height, width) of the depth given to the network: colour size / scale, rounded up.
    """

    kind: Kind
    scale: int
    grid: Size

    def extent(self, colour: Size) -> tuple[float, float]:
        """Height and width that the grid covers, relative to the colour image's; over 1 for sizes that are no multiple.

        A cell is `scale` colour pixels large in any case, so the last ones may reach beyond the image.
        """
        return self.grid[0] * self.scale / colour[0], self.grid[1] * self.scale / colour[1]

    def sentence(self, colour: Size, depth: Size) -> str:
        """One line for log and diagnostics."""
        found = f"depth {depth[1]}x{depth[0]} for colour {colour[1]}x{colour[0]}"
        if self.kind == "coarse":
            return f"{found}: coarse grid at 1/{self.scale}, used as it is"
        label = "aligned to the colour size" if self.kind == "colour_sized" else "between coarse and colour size"
        return f"{found}: {label}, resampled to {self.grid[1]}x{self.grid[0]} (x{self.scale}, median of valid samples)"


def frame_layout(colour: Size, depth: Size, scale: int, shipped: Collection[int], multiple: int = 1) -> FrameLayout:
    """Decides how a depth image is brought to a network's grid.

    Args:
        colour: (height, width) of the colour image.
        depth: (height, width) of the depth image registered to it.
        scale: the scale asked for; it serves coarse depth of that ratio and depth of colour size.
        shipped: scales that have weights, `scale` among them; any other ratio goes to the nearest of them.
        multiple: the network's height and width must be multiples of this; the grid grows to make them so.

    Raises:
        FrameError: cause `empty` for an image without pixels; `size` for depth larger than colour, or of another
            aspect ratio, which cannot be registered to it.
    """
    _check_not_larger(colour, depth)
    check_sizes(colour, depth)
    if _is_grid(colour, depth, scale):
        return FrameLayout("coarse", scale, _cells(colour, scale, multiple))
    if depth == colour:
        return FrameLayout("colour_sized", scale, _cells(colour, scale, multiple))
    ratio = math.sqrt((colour[0] / depth[0]) * (colour[1] / depth[1]))
    nearest = min(sorted(shipped), key=lambda s: abs(math.log(s / ratio)))
    kind: Kind = "coarse" if _is_grid(colour, depth, nearest) else "between"
    return FrameLayout(kind, nearest, _cells(colour, nearest, multiple))


def reduce_to_grid(
    depth: NDArray[np.float32], grid: Size, extent: tuple[float, float] = (1.0, 1.0)
) -> NDArray[np.float32]:
    """Resamples depth to another grid over its field of view by the lower median of each cell's valid samples.

    A cell takes every pixel it covers (the nearest one where the new grid is finer). The result is always a measured
    value; a cell is NaN where fewer than a sixteenth of its samples are valid.

    Args:
        depth: (H, W) float32 metres, NaN where invalid; not changed.
        grid: (height, width) of the result.
        extent: height and width that the grid covers, relative to those of `depth`; beyond 1 the last row and column
            are repeated.
    """
    rows, row_samples = _sample_index(depth.shape[0], grid[0], extent[0])
    columns, column_samples = _sample_index(depth.shape[1], grid[1], extent[1])
    samples = depth[rows[:, None], columns[None, :]]
    samples = samples.reshape(grid[0], row_samples, grid[1], column_samples).swapaxes(1, 2).reshape(*grid, -1)
    # sorting puts NaN last, so the valid samples of a cell come first
    samples = np.sort(samples, axis=-1)
    count = np.count_nonzero(~np.isnan(samples), axis=-1)
    middle = np.maximum(count - 1, 0) // 2
    median = np.take_along_axis(samples, middle[..., None], axis=-1)[..., 0]
    needed = max(1, math.ceil(row_samples * column_samples * LEAST_VALID))
    return np.where(count >= needed, median, np.float32(np.nan)).astype(np.float32)


def colour_on_grid(rgb: NDArray[np.uint8], layout: FrameLayout) -> NDArray[np.uint8]:
    """Colour at exactly scale times the grid; where that is larger, the last row and column are repeated."""
    below = layout.grid[0] * layout.scale - rgb.shape[0]
    right = layout.grid[1] * layout.scale - rgb.shape[1]
    if below or right:
        rgb = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge")
    return np.ascontiguousarray(rgb)


def depth_on_grid(depth: NDArray[np.float32], layout: FrameLayout, colour: Size) -> NDArray[np.float32]:
    """Depth on the layout's grid, in a new array with 0 where invalid.

    Raises:
        FrameError: cause `all_invalid` where nothing is left.
    """
    if layout.kind == "coarse":
        missing = [(0, max(0, want - have)) for want, have in zip(layout.grid, depth.shape, strict=True)]
        fitted = np.pad(depth[: layout.grid[0], : layout.grid[1]], missing, mode="edge")
    else:
        usable = np.where((depth > 0) & np.isfinite(depth), depth, np.float32(np.nan))
        fitted = reduce_to_grid(usable, layout.grid, layout.extent(colour))
    with np.errstate(invalid="ignore"):
        fitted[~((fitted > 0) & np.isfinite(fitted))] = 0
    if not fitted.any():
        raise FrameError(
            "all_invalid",
            f"depth {depth.shape[1]}x{depth.shape[0]}: expected some valid distance, found none (all are NaN, 0, "
            "negative or infinite); check the sensor's view and range, and `depth_unit`",
        )
    return fitted


def _sample_index(source: int, target: int, extent: float) -> tuple[NDArray[np.intp], int]:
    """Source indices that sample each target cell evenly, and how many per cell."""
    covered = source * extent
    per_cell = max(1, math.ceil(covered / target - 1e-9))
    position = (np.arange(target * per_cell) + 0.5) * (covered / (target * per_cell))
    return np.minimum(position.astype(np.intp), source - 1), per_cell


def coarse_scale(colour: Size, depth: Size, scales: Collection[int]) -> int:
    """The scale, among some, at which coarse depth covers the colour image cell by cell; 0 for none.

    Args:
        colour: (height, width) of the colour image.
        depth: (height, width) of the depth image.
        scales: to choose from; 1 and less are left out.
    """
    return next((scale for scale in sorted(scales) if scale > 1 and _is_grid(colour, depth, scale)), 0)


def same_aspect(colour: Size, depth: Size) -> bool:
    """Whether depth of a size, (height, width), can be registered to colour of another."""
    # a coarse grid is rounded to whole cells, hence one cell of slack beside the relative bound
    across = (colour[0] / depth[0]) / (colour[1] / depth[1])
    return abs(math.log(across)) <= _MAX_ASPECT_ERROR + 1 / min(depth)


def check_sizes(colour: Size, depth: Size) -> None:
    """Refuses sizes that registered depth cannot have.

    Raises:
        FrameError: cause `empty` for an image without pixels, `size` for another aspect ratio.
    """
    if min(*colour, *depth) < 1:
        raise FrameError("empty", f"expected images with pixels, found colour {colour} and depth {depth}")
    if not same_aspect(colour, depth):
        raise FrameError(
            "size",
            f"depth {depth[1]}x{depth[0]} and colour {colour[1]}x{colour[0]} have different aspect ratios: expected "
            "depth registered to the colour image; turn on depth-to-colour alignment in the camera driver, or say how "
            "the depth camera stands to the colour camera: record /tf_static and both camera_infos, or give "
            "depth_to_colour, or a calibration.json",
        )


def _check_not_larger(colour: Size, depth: Size) -> None:
    if depth[0] > colour[0] or depth[1] > colour[1]:
        raise FrameError(
            "size",
            f"depth {depth[1]}x{depth[0]} is larger than colour {colour[1]}x{colour[0]}: expected depth at most as "
            "large; use a larger colour mode, a smaller depth mode of the camera, or scale 0",
        )


def _is_grid(colour: Size, depth: Size, scale: int) -> bool:
    return all(abs(c - d * scale) < scale for c, d in zip(colour, depth, strict=True))


def _cells(colour: Size, scale: int, multiple: int) -> Size:
    """Cells that cover the image, rounded up to whole ones and to the network's multiple."""
    step = math.lcm(scale, multiple)
    return -(-colour[0] // step) * (step // scale), -(-colour[1] // step) * (step // scale)
