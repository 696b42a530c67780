"""Kernels that fill what the depth camera did not see, and say between which depths the truth lies.

A hole that a parallax opens lies behind a near surface, on the side towards the depth camera's image in the colour
image (the epipole): the depth camera looks past the other side. It is as wide as the two surfaces' disparities differ,
and it shows the far surface. All other holes are filled by interpolation between like depths, and where there are none,
from the nearest measured pixel.

Epipolar lines are followed by leaps: `distance` tells how far the nearest covered pixel is, so nothing is passed by.
Rows and columns are scanned once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.compiled import compiled, inlined
from depth_sr_ros.cameras.quality import FILLED, NOTHING

NODE = 16
"""Pixels between the nodes of `Parallax.field`, about."""

TILE = 16
"""Side of the squares that `find_nearest` looks at, pixels."""

_F32 = np.float32


class Parallax(NamedTuple):
    """What filling needs to know of the cameras.

    Attributes:
        field: (rows, columns, 2) displacement of a point in the colour image, pixels (x, y) per unit of inverse depth,
            at nodes spread evenly from the first pixel to the last.
        margin: pixels by which a hidden pixel's distance from what hides it may exceed the difference of disparities:
            one between pixels' centres, and more where depth pixels are larger than that.
        step: depth difference of like depths, metres, at depth 0.
        noise: what it grows by per metre of depth.
        slant: and per metre of depth and pixel between them.
    """

    field: NDArray[np.float32]
    margin: np.float32
    step: np.float32
    noise: np.float32
    slant: np.float32


@inlined
def _field_of_row(field: Any, y: Any, height: Any, out: Any) -> None:
    """The nodes' displacements in one row of the image."""
    rows = field.shape[0] - 1
    fy = _F32(y) * _F32(rows) / _F32(max(height - 1, 1))
    i = min(np.int64(fy), rows - 1)
    fy = fy - _F32(i)
    for j in range(out.shape[0]):
        for axis in range(2):
            out[j, axis] = field[i, j, axis] * (_F32(1) - fy) + field[i + 1, j, axis] * fy


@inlined
def _displacement(nodes: Any, x: Any, width: Any) -> Any:
    columns = nodes.shape[0] - 1
    fx = _F32(x) * _F32(columns) / _F32(max(width - 1, 1))
    j = min(np.int64(fx), columns - 1)
    fx = fx - _F32(j)
    rest = _F32(1) - fx
    return nodes[j, 0] * rest + nodes[j + 1, 0] * fx, nodes[j, 1] * rest + nodes[j + 1, 1] * fx


@inlined
def _alike(one: Any, other: Any, gap: Any, parallax: Parallax) -> Any:
    near = min(one, other)
    return abs(one - other) <= parallax.step + near * (parallax.noise + parallax.slant * gap)


@inlined
def _follow(start: Any, distance: Any, y: Any, x: Any, dy: Any, dx: Any, limit: Any) -> Any:
    """Depth of the first covered pixel along a line and how far it is; depth 0 where there is none up to a limit.

    The larger of |dx| and |dy| is 1.
    """
    height, width = distance.shape
    # halves are rounded away from the pixel, so that mirrored lines meet mirrored pixels
    half_y, half_x = _F32(0.5) if dy > 0 else _F32(-0.5), _F32(0.5) if dx > 0 else _F32(-0.5)
    s = max(distance[y, x] - _F32(1), _F32(1))
    while s <= limit:
        row, column = y + np.int64(s * dy + half_y), x + np.int64(s * dx + half_x)
        if row < 0 or column < 0 or row >= height or column >= width:
            break
        left = distance[row, column]
        if left == 0:
            return start[row, column], s
        s += max(left - _F32(1), _F32(1))
    return _F32(0), _F32(0)


@inlined
def _end(
    start: Any, distance: Any, y: Any, x: Any, dy: Any, dx: Any, limit: Any, left: Any, right: Any, up: Any, down: Any
) -> Any:
    """As `_follow`, by the ends of row and column where the line does not leave these."""
    height, width = distance.shape
    flat = abs(dx) >= abs(dy)
    gap = (right - x if dx > 0 else x - left) if flat else (down - y if dy > 0 else y - up)
    if _F32(gap) * (abs(dy) if flat else abs(dx)) >= _F32(0.5):
        return _follow(start, distance, y, x, dy, dx, limit)
    row = y if flat else down if dy > 0 else up
    column = (right if dx > 0 else left) if flat else x
    if _F32(gap) > limit or row < 0 or column < 0 or row >= height or column >= width:
        return _F32(0), _F32(0)
    return start[row, column], _F32(gap)


@inlined
def _behind(
    start: Any,
    distance: Any,
    nodes: Any,
    y: Any,
    x: Any,
    nearest: Any,
    parallax: Parallax,
    left: Any,
    right: Any,
    up: Any,
    down: Any,
) -> Any:
    """Depths of the surface that hides a pixel from the depth camera and of the one behind it; 0 where none does."""
    dx, dy = _displacement(nodes, x, start.shape[1])
    length = max(abs(dx), abs(dy))
    widest = length * nearest + parallax.margin
    if length == 0 or distance[y, x] > widest:
        return _F32(0), _F32(0)
    dx, dy = dx / length, dy / length
    near, near_at = _end(start, distance, y, x, dy, dx, widest, left, right, up, down)
    # were the far surface at infinity, the hole would be this wide
    width = length / near + parallax.margin if near > 0 else _F32(0)
    if near_at > width or near == 0:
        return _F32(0), _F32(0)
    # beyond, it may go on as far as nothing was measured
    anywhere = _F32(start.shape[0] + start.shape[1])
    far, far_at = _end(start, distance, y, x, -dy, -dx, anywhere, left, right, up, down)
    if far <= near or _alike(near, far, near_at + far_at, parallax):
        return _F32(0), _F32(0)
    hidden = near_at <= length * (_F32(1) / near - _F32(1) / far) + parallax.margin
    return (near, far) if hidden else (_F32(0), _F32(0))


@inlined
def _between(one: Any, one_at: Any, other: Any, other_at: Any) -> Any:
    """Depth on the straight line between two, in perspective."""
    return (one_at + other_at) / (other_at / one + one_at / other)


@inlined
def _nearest(one: Any, one_at: Any, other: Any, other_at: Any) -> Any:
    """The nearer by of two ends, the farther off in depth where both are as near; depth 0 is none."""
    if one == 0 or (other > 0 and (other_at < one_at or (other_at == one_at and other > one))):
        return other, other_at
    return one, one_at


@inlined
def _joined(row: Any, row_gap: Any, column: Any, column_gap: Any, parallax: Parallax) -> Any:
    """What a row and a column say, interpolated between like ends; 0 for what says nothing.

    The shorter line leads. The other joins, by its length, where it says much the same.
    """
    if row == 0 or column == 0:
        return row + column
    if not _alike(row, column, _F32(0), parallax):
        lead = row_gap < column_gap or (row_gap == column_gap and row > column)
        return row if lead else column
    return (row_gap + column_gap) / (column_gap / row + row_gap / column)


@inlined
def _interpolated(
    left: Any, left_at: Any, right: Any, right_at: Any, up: Any, up_at: Any, down: Any, down_at: Any, parallax: Parallax
) -> Any:
    """Depth of a hole by the ends of its row and its column, and the least and the largest depth of these."""
    high = max(max(left, right), max(up, down))
    low = high
    if left > 0:
        low = min(low, left)
    if right > 0:
        low = min(low, right)
    if up > 0:
        low = min(low, up)
    if down > 0:
        low = min(low, down)
    row, column = _F32(0), _F32(0)
    if left > 0 and right > 0 and _alike(left, right, left_at + right_at, parallax):
        row = _between(left, left_at, right, right_at)
    if up > 0 and down > 0 and _alike(up, down, up_at + down_at, parallax):
        column = _between(up, up_at, down, down_at)
    value = _joined(row, left_at + right_at, column, up_at + down_at, parallax)
    if value == 0:
        one, one_at = _nearest(left, left_at, right, right_at)
        other, other_at = _nearest(up, up_at, down, down_at)
        value, _ = _nearest(one, one_at, other, other_at)
    value = min(max(value, low), high)
    if _alike(low, high, _F32(0), parallax):
        low = high = value
    return value, low, high


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
    for y in range(first, last):
        _field_of_row(parallax.field, y, height, nodes)
        before, after = -1, -1  # covered columns beside the pixel
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
                towards, away = _behind(start, distance, nodes, y, x, nearest, parallax, before, after, over, under)
                if away > 0:
                    start[y, x], near[y, x], far[y, x], quality[y, x] = away, towards, away, FILLED
                    continue
            value, low, high = _interpolated(
                start[y, before] if before >= 0 else _F32(0), _F32(x - before),
                start[y, after] if after < width else _F32(0), _F32(after - x),
                start[over, x] if over >= 0 else _F32(0), _F32(y - over),
                start[under, x] if under < height else _F32(0), _F32(under - y),
                parallax,
            )  # fmt: skip
            if value > 0:
                start[y, x], near[y, x], far[y, x], quality[y, x] = value, low, high, FILLED
            else:
                holes += 1
    return holes
