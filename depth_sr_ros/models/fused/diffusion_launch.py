"""Guided diffusion in one launch per step, or per few steps (`models.dada.diffusion`, `models.dada.equilibrium`).

In PyTorch a step is some twenty launches. Here a program takes a tile of whole cells, does the flux step, the momentum
and the adjustment of the cells' means, and writes the tile. A first step reads the neighbours of its pixels from
memory. Each further one needs the tile's surroundings as they are after the step before, adjustment included, and what
a step makes of a cell depends on the cells around it; so for n steps a tile has a margin of n - 1 cells, whose results
are worked out too, come out wrong one ring of cells further in by every step, and are not written.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from depth_sr_ros.models.dada.diffusion import RATE, Coefficients
from depth_sr_ros.models.dada.equilibrium import FLOOR, Solver, pace_of

_TINY = 1e-8
_SMALL, _LARGE = 32, 64  # pixels per side of a tile
_PIXELS_PER_WARP = 256


class Launch(NamedTuple):
    """Shape of a launch: pixels per side of a tile, margin included, and steps."""

    tile: int
    steps: int


def launch_for(scale: int) -> Launch:
    """The smallest tile that takes several steps with half of its pixels written; else the smallest, for one step.

    Raises:
        ValueError: cells of this side do not fill a tile.
    """
    if scale < 1 or scale > _LARGE or scale & (scale - 1):
        raise ValueError(f"scale: expected a power of two up to {_LARGE}, found {scale}")
    for tile in (_SMALL, _LARGE):
        cells = tile // scale
        fitting = [n for n in (4, 3, 2) if cells > 2 * (n - 1) and 2 * (cells - 2 * (n - 1)) ** 2 >= cells**2]
        if fitting:
            return Launch(tile, fitting[0])
    return Launch(max(_SMALL, scale), 1)


def equilibrium(
    image: Tensor,
    source: Tensor,
    coefficients: Coefficients,
    steps: int,
    *,
    solver: Solver = "accelerated",
    valid: Tensor | None = None,
    launch: Launch | None = None,
) -> Tensor:
    """As `models.dada.equilibrium.equilibrium`, in float32 and without gradients.

    Args:
        image: see there, as are the next three, `solver` and `valid`.
        source: the cells' side is a power of two up to 64.
        coefficients: between neighbours.
        steps: diffusion steps.
        solver: `plain` or `accelerated`.
        valid: cells that bind; None means all.
        launch: instead of `launch_for` the cells' side.

    Raises:
        ValueError: the cells' side is another.
    """
    batch, _, height, width = image.shape
    scale = height // source.shape[-2]
    tile, most = launch_for(scale) if launch is None else launch
    pace = pace_of(solver, steps)
    bound = source if valid is None else (valid > 0).to(torch.float32).contiguous()
    planes = [source, bound, coefficients.vertical, coefficients.horizontal]
    planes = [plane.to(torch.float32).contiguous() for plane in planes]
    floor = planes[0].amin(dim=(1, 2, 3)) * FLOOR
    y = image.to(torch.float32).contiguous()
    before, results = y, [torch.empty_like(y) for _ in range(4)]
    while steps > 0:
        now = min(steps, most)
        inner = tile - 2 * (now - 1) * scale
        grid = (triton.cdiv(width, inner), triton.cdiv(height, inner), batch)
        y_next, before_next = results[:2]
        _steps[grid](
            y,
            before,
            y_next,
            before_next,
            *planes,
            floor,
            height,
            width,
            pace.stride * RATE,
            pace.momentum,
            _TINY * scale**2,
            SCALE=scale,
            TILE=tile,
            STEPS=now,
            MOMENTUM=pace.momentum > 0,
            HOLES=valid is not None,
            num_warps=max(1, tile**2 // _PIXELS_PER_WARP),
        )
        # of a launch's two results the next one reads both, and writes the other two
        y, before, results = y_next, before_next, results[2:] + results[:2]
        steps -= now
    return y


@triton.jit
def _steps(
    y_in,
    before_in,
    y_out,
    before_out,
    source,
    bound,
    vertical,
    horizontal,
    floors,
    height,
    width,
    rate,
    momentum,
    tiny,
    SCALE: tl.constexpr,
    TILE: tl.constexpr,
    STEPS: tl.constexpr,
    MOMENTUM: tl.constexpr,
    HOLES: tl.constexpr,
):
    """STEPS steps of one tile."""
    MARGIN: tl.constexpr = (STEPS - 1) * SCALE
    INNER: tl.constexpr = TILE - 2 * MARGIN
    CELLS: tl.constexpr = TILE // SCALE
    image = tl.program_id(2).to(tl.int64)
    line = tl.arange(0, TILE)
    first_row, first_column = tl.program_id(1) * INNER - MARGIN, tl.program_id(0) * INNER - MARGIN
    rows, columns = (first_row + line)[:, None], (first_column + line)[None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    pixel = rows * width + columns
    up, down = inside & (rows > 0), inside & (rows < height - 1)
    left, right = inside & (columns > 0), inside & (columns < width - 1)
    vertical += image * (height - 1) * width
    horizontal += image * height * (width - 1)
    to_up = rate * tl.load(vertical + (pixel - width), up, 0.0)
    to_down = rate * tl.load(vertical + pixel, down, 0.0)
    to_left = rate * tl.load(horizontal + (pixel - rows - 1), left, 0.0)
    to_right = rate * tl.load(horizontal + (pixel - rows), right, 0.0)

    cell = tl.arange(0, CELLS)
    cell_rows, cell_columns = (first_row // SCALE + cell)[:, None], (first_column // SCALE + cell)[None, :]
    cells_high, cells_wide = height // SCALE, width // SCALE
    has_cell = (cell_rows >= 0) & (cell_rows < cells_high) & (cell_columns >= 0) & (cell_columns < cells_wide)
    cells = cell_rows * cells_wide + cell_columns
    total = tl.load(source + image * cells_high * cells_wide + cells, has_cell, 0.0) * (SCALE * SCALE)
    binds = has_cell
    if HOLES:
        binds = tl.load(bound + image * cells_high * cells_wide + cells, has_cell, 0.0) > 0

    offset = image * height * width
    y_in += offset
    y = tl.load(y_in + pixel, inside, 0.0)
    before = y
    if MOMENTUM:
        before = tl.load(before_in + offset + pixel, inside, 0.0)
        lowest = tl.load(floors + image)
    for step in tl.static_range(STEPS):
        if step == 0:
            moved = y + to_down * (tl.load(y_in + (pixel + width), down, 0.0) - y)
            moved += to_up * (tl.load(y_in + (pixel - width), up, 0.0) - y)
            moved += to_right * (tl.load(y_in + (pixel + 1), right, 0.0) - y)
            moved += to_left * (tl.load(y_in + (pixel - 1), left, 0.0) - y)
        else:
            moved = _with_flux(y, to_down, to_right, TILE)
        if MOMENTUM:
            moved = tl.maximum(moved + momentum * (y - before), lowest)
        by_cell = tl.reshape(moved, [CELLS, SCALE, CELLS, SCALE])
        ratio = total / (tl.sum(tl.sum(by_cell, axis=3), axis=1) + tiny)
        ratio = tl.where(binds, ratio, 1.0)
        before = y
        y = tl.reshape(by_cell * ratio[:, None, :, None], [TILE, TILE])
    written = inside & (line >= MARGIN)[:, None] & (line < TILE - MARGIN)[:, None]
    written = written & (line >= MARGIN)[None, :] & (line < TILE - MARGIN)[None, :]
    tl.store(y_out + offset + pixel, y, written)
    if MOMENTUM:
        tl.store(before_out + offset + pixel, before, written)


@triton.jit
def _with_flux(y, to_down, to_right, TILE: tl.constexpr):
    """A tile after its flux step; its outermost pixels, which lack neighbours, are wrong."""
    line = tl.arange(0, TILE)
    earlier, later = tl.maximum(line - 1, 0), tl.minimum(line + 1, TILE - 1)
    risen = to_down * (tl.gather(y, tl.broadcast_to(later[:, None], [TILE, TILE]), 0) - y)
    moved = y + risen - tl.gather(risen, tl.broadcast_to(earlier[:, None], [TILE, TILE]), 0)
    risen = to_right * (tl.gather(y, tl.broadcast_to(later[None, :], [TILE, TILE]), 1) - y)
    return moved + (risen - tl.gather(risen, tl.broadcast_to(earlier[None, :], [TILE, TILE]), 1))
