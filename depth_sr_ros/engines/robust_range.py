"""Keeps one cell's depth from moving pixels that have nothing to do with it.

The papers' frame graph normalises depth by the least and the largest valid depth of the frame, and keeps the result
between them. So one wrong cell, say at 1000 m, sets the scale of all others: everything else is squeezed into a corner
of the range, where the network does something else, and in bfloat16 loses its digits.

What the network is given is therefore clipped to the *supported range*, which takes two cells that touch each other,
diagonally too:

* the highest is the largest depth that two touching cells both reach: the maximum over pairs of their smaller depth;
* the lowest is the smallest that two touching cells both come down to: the minimum over pairs of their larger depth.

What a cell has beyond the range, its *excess*, is added back to the pixels of the cell's own square afterwards, so that
no measurement is lost. Most frames have none, and pass as they are. A wire one cell wide, also a diagonal one, supports
itself. Where fewer than half of the valid cells touch another one, neighbours say nothing, and the range stays what it
is; the same for a frame with a single valid cell or none.

So whatever depth one cell is set to, pixels out of its reach are computed from the same numbers, in every engine and
precision. A cell's reach is what its network looks at, 36 pixels beyond the cell's own square for `fdkn_x8`, 139 for
`dagf_x8` and 280 for `jiif_x8`, and 13 cells more where a hole is filled from it. Largest move out of reach, in mm, by
one cell of a Kinect's frame and of one of Middlebury's at 1e-6, 0.05, 0.5, 20 and 1000 m, the largest float, and its
neighbour's value:

| | the graph alone, up to 0.5 m | the same, 1000 m | clipped to the supported range |
|---|---|---|---|
| `fdkn_x8` (OpenVINO float32, bfloat16) | 1194, 1238 | 1359, 1364 | 0, 0 |
| `dagf_x8_live` (OpenVINO float32, bfloat16; ONNX Runtime and PyTorch as float32) | 530, 562 | 2790, 2806 | 0, 0 |
| `jiif_x8_live` (the same; the Kinect's frame only) | 196, 214 | 5571, 6065 | 0, 0 |

Two exceptions are left. The range may rest on one pair: when a cell of it changes, the range becomes what the next
pair reaches, which moved Middlebury's frame by 22 mm in float32 and, at edges, by 134 mm in bfloat16, where any
change of the range rounds differently. Each frame has up to four such cells or none. No rule that follows the frame's
own depth is free of them, since changing one cell after the other turns any frame into any other. More cells that
touch, or percentiles, only make others the decisive ones. And deeper than 13 cells in a hole the frame's mean stands
in, to which a cell adds at most the range divided by the number of valid cells.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float32]
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1))  # to half of the eight neighbours; the others are these seen from there


def clip_to_supported(depth: _Floats) -> tuple[_Floats, _Floats | None]:
    """Depth as the network may see it, and what is to be added to its result.

    Args:
        depth: (h, w) metres, 0 where invalid; not changed.

    Returns:
        Depth within the supported range, 0 where invalid, and the excess of each cell, metres; where no cell has any,
        `depth` itself and None.
    """
    found = supported_range(depth)
    if found is None:
        return depth, None
    low, high = found
    valid = depth > 0
    if not ((depth > high) | (valid & (depth < low))).any():
        return depth, None
    clipped = np.where(valid, np.clip(depth, low, high), np.float32(0))
    return clipped, depth - clipped


def add_excess(depth_hr: _Floats, excess: _Floats) -> None:
    """Adds each cell's excess to the pixels of its own square.

    Args:
        depth_hr: (H, W) metres; changed in place.
        excess: (h, w) metres, of which H and W are multiples.
    """
    high, wide = (size // cells for size, cells in zip(depth_hr.shape, excess.shape, strict=True))
    for row, column in np.argwhere(excess):
        depth_hr[row * high : (row + 1) * high, column * wide : (column + 1) * wide] += excess[row, column]


def supported_range(depth: _Floats) -> tuple[np.float32, np.float32] | None:
    """Lowest and highest depth that two touching cells reach; None where too few cells touch each other.

    Args:
        depth: (h, w) metres, 0 where invalid.
    """
    valid = depth > 0
    touching = np.zeros(depth.shape, np.bool_)
    low, high = np.float32(np.inf), np.float32(0)
    beyond = np.where(valid, depth, np.float32(np.inf))
    for one, other in _neighbours(depth.shape):
        both = valid[one] & valid[other]
        touching[one] |= both
        touching[other] |= both
        low = min(low, np.maximum(beyond[one], beyond[other]).min(initial=np.inf))
        high = max(high, np.minimum(depth[one], depth[other]).max(initial=0))
    if not 0 < np.count_nonzero(valid) <= 2 * np.count_nonzero(touching):
        return None
    # where every pair straddles the range, as with two cells in all, each end is the other's
    return min(low, high), max(low, high)


def _neighbours(shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Parts of an image that lie one step apart, so that their pixels are neighbours."""
    height, width = shape
    for down, right in _STEPS:
        rows = slice(0, height - down), slice(down, height)
        columns = slice(max(0, -right), width - max(0, right)), slice(max(0, right), width + min(0, right))
        yield (rows[0], columns[0]), (rows[1], columns[1])
