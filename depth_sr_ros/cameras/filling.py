"""Kernels that fill what the depth camera did not see, and say between which depths the truth lies.

What a parallax hides shows the far surface (`parallax`). All other holes are filled by interpolation between like
depths, and where there are none, from the nearest measured pixel (`interpolation`). Rows and columns are scanned once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled
from depth_sr_ros.cameras.interpolation import backed, interpolated
from depth_sr_ros.cameras.parallax import Parallax, behind, field_of_row
from depth_sr_ros.cameras.quality import FILLED, NOTHING

TILE = 16
"""Side of the squares that `find_nearest` looks at, pixels."""

_F32 = np.float32


@compiled
def find_rows(quality: Any, first: int, last: int, above: Any, below: Any) -> None:
    """Finds the covered pixels of each column.

    Args:
        quality: (H, W), `NOTHING` in holes.
        first: first column.
        last: column after the last.
        above: result, (H, W) int16 row of the next covered pixel above, the own row where covered, -1 for none.
        below: result, likewise below; H for none.
    """
    height = quality.shape[0]
    for y in range(height):
        own, marks, before = above[y, first:last], quality[y, first:last], above[max(y - 1, 0), first:last]
        row, none = np.int16(y), np.int16(-1)
        for x in range(own.size):
            own[x] = row if marks[x] != NOTHING else before[x] if y > 0 else none
    for y in range(height - 1, -1, -1):
        own, marks, after = below[y, first:last], quality[y, first:last], below[min(y + 1, height - 1), first:last]
        row, none = np.int16(y), np.int16(height)
        for x in range(own.size):
            own[x] = row if marks[x] != NOTHING else after[x] if y < height - 1 else none


@compiled
def find_nearest(inverse: Any, first: int, last: int, tiles: Any) -> None:
    """Finds the largest inverse depth of tiles, `TILE` pixels wide and high.

    Args:
        inverse: (H, W) inverse depth.
        first: first row of tiles.
        last: row after the last.
        tiles: result, (H / TILE, W / TILE), both rounded up.
    """
    height, width = inverse.shape
    for i in range(first, last):
        tiles[i] = _F32(0)
        for y in range(i * TILE, min((i + 1) * TILE, height)):
            for x in range(width):
                tiles[i, x // TILE] = max(tiles[i, x // TILE], inverse[y, x])


@compiled
def fill(
    start: Any,
    quality: Any,
    distance: Any,
    tiles: Any,
    above: Any,
    below: Any,
    parallax: Parallax,
    final: bool,
    first: int,
    last: int,
    near: Any,
    far: Any,
) -> Any:
    """Fills holes that lie beside, or in a row or column with, covered pixels.

    Args:
        start: (H, W) metres; holes are filled.
        quality: (H, W), `NOTHING` in holes; `FILLED` is written.
        distance: (H, W) float32 pixels to the nearest covered pixel, the larger of rows and columns; 0 where covered.
        tiles: as `find_nearest` leaves it, the largest of all tiles that a parallax may reach; where it is 0, nothing
            is looked for behind others.
        above: as `find_rows` leaves it.
        below: as `find_rows` leaves it.
        parallax: see there.
        final: fill also by a single measurement that nothing beside it backs, rather than leave a hole.
        first: first row.
        last: row after the last.
        near: result in holes: the nearest depth that the pixel may have, metres.
        far: result in holes: the farthest.

    Returns:
        How many holes are left.
    """  # fmt: skip
    height, width = start.shape
    holes = 0
    nodes = np.empty(parallax.field.shape[1:], np.float32)
    # which ends of a row and of the columns were asked last whether they are backed, and what was found
    asked_row, told_row = np.empty(2, np.int64), np.zeros(2, np.bool_)
    asked, told = np.full((2, width), -2, np.int16), np.zeros((2, width), np.bool_)
    for y in range(first, last):
        field_of_row(parallax.field, y, height, nodes)
        before, after = -1, -1  # covered columns beside the pixel
        asked_row[:] = -2
        for x in range(width):
            if quality[y, x] != NOTHING:
                before = x
                continue
            if after <= x:
                # pixels to come are as they were, so what this pass fills is not taken for covered
                after = x + 1
                while after < width and quality[y, after] == NOTHING:
                    after += 1
            over, under = np.int64(above[y, x]), np.int64(below[y, x])
            nearest = tiles[y // TILE, x // TILE]
            if nearest > 0:
                towards, away = behind(start, distance, nodes, y, x, nearest, parallax, before, after, over, under)
                if away > 0:
                    start[y, x], near[y, x], far[y, x], quality[y, x] = away, towards, away, FILLED
                    continue
            value, low, high = interpolated(
                start[y, before] if before >= 0 else _F32(0), _F32(x - before),
                start[y, after] if after < width else _F32(0), _F32(after - x),
                start[over, x] if over >= 0 else _F32(0), _F32(y - over),
                start[under, x] if under < height else _F32(0), _F32(under - y),
                parallax,
            )  # fmt: skip
            ends = (before >= 0) + (after < width) + (over >= 0) + (under < height)
            if low < high or ends == 1:
                if asked_row[0] != before:
                    asked_row[0], told_row[0] = before, before >= 0 and backed(start, above, y, before, parallax)
                if asked_row[1] != after:
                    asked_row[1], told_row[1] = after, after < width and backed(start, above, y, after, parallax)
                if asked[0, x] != over:
                    asked[0, x], told[0, x] = over, over >= 0 and backed(start, above, over, x, parallax)
                if asked[1, x] != under:
                    asked[1, x], told[1, x] = under, under < height and backed(start, above, under, x, parallax)
                left_ok, right_ok, up_ok, down_ok = told_row[0], told_row[1], told[0, x], told[1, x]
                count = np.int64(left_ok) + np.int64(right_ok) + np.int64(up_ok) + np.int64(down_ok)
                if count == ends:
                    pass
                elif count > 0:
                    value, low, high = interpolated(
                        start[y, before] if left_ok else _F32(0), _F32(x - before),
                        start[y, after] if right_ok else _F32(0), _F32(after - x),
                        start[over, x] if up_ok else _F32(0), _F32(y - over),
                        start[under, x] if down_ok else _F32(0), _F32(under - y),
                        parallax,
                    )  # fmt: skip
                elif not final:
                    value = _F32(0)  # by what the next pass finds around it
            if value > 0:
                start[y, x], near[y, x], far[y, x], quality[y, x] = value, low, high, FILLED
            else:
                holes += 1
    return holes
