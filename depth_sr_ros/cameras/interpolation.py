"""What lies at the ends of a hole's row and column, and what that says of the hole: parts of the kernel that fills it.

A depth pixel whose neighbours measure something else may be wrong, and would fill a hole as far as that goes. So where
ends differ, or there is only one, those count that are *backed*: the same depth is found beside their own square.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import inlined
from depth_sr_ros.cameras.parallax import Parallax, alike

_F32 = np.float32


@inlined
def backed(start: Any, above: Any, y: Any, x: Any, parallax: Parallax) -> Any:
    """Whether a covered pixel's depth is also found beside the square of the depth pixel that it comes from.

    A single wrong measurement is not, and would otherwise fill a hole as far as that goes.
    """
    height, width = start.shape
    z, own = start[y, x], parallax.own
    for side in range(4):
        row = y + (own if side == 0 else -own if side == 1 else 0)
        column = x + (own if side == 2 else -own if side == 3 else 0)
        inside = row >= 0 and column >= 0 and row < height and column < width
        if inside and above[row, column] == row and alike(z, start[row, column], parallax.steep, parallax):
            return True
    return False


@inlined
def _between(one: Any, one_at: Any, other: Any, other_at: Any) -> Any:
    """Depth on the straight line between two, in perspective."""
    return (one_at + other_at) / (other_at / one + one_at / other)


@inlined
def nearer_by(one: Any, one_at: Any, other: Any, other_at: Any) -> Any:
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
    if not alike(row, column, _F32(0), parallax):
        lead = row_gap < column_gap or (row_gap == column_gap and row > column)
        return row if lead else column
    return (row_gap + column_gap) / (column_gap / row + row_gap / column)


@inlined
def interpolated(
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
    if left > 0 and right > 0 and alike(left, right, left_at + right_at, parallax):
        row = _between(left, left_at, right, right_at)
    if up > 0 and down > 0 and alike(up, down, up_at + down_at, parallax):
        column = _between(up, up_at, down, down_at)
    value = _joined(row, left_at + right_at, column, up_at + down_at, parallax)
    if value == 0:
        one, one_at = nearer_by(left, left_at, right, right_at)
        other, other_at = nearer_by(up, up_at, down, down_at)
        value, _ = nearer_by(one, one_at, other, other_at)
    value = min(max(value, low), high)
    if alike(low, high, _F32(0), parallax):
        low = high = value
    return value, low, high
