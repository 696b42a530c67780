"""The last stage of a kernel network that works on blocks of pixels (FDKN), in one pass, compiled by numba.

Between the last convolutions and the depth map such a network multiplies two branches' weights and offsets, subtracts
the weights' mean, samples the start image at displaced taps, sums, and adds the start image (arXiv 1910.08373, eqs.
4-7; sampling as in `models.kernel.sampling`, convention `centred`). An inference engine does each of these over
whole planes and turns the memory layout around in between; here sixteen neighbouring pixels go through all of it while
they are in the cache. Everything is float32; heads may come in bfloat16, as their bits in uint16.

The start image is repeated beyond its border as far as a tap reaches, so no index leaves it, whatever the network
gives: not-a-number counts as the smallest displacement.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.engines.openvino.lanes import LANES, compiled, number, within

REACH = 7
"""Pixels that a tap may lie from its own pixel, each way."""
PAD = REACH + 1
"""Pixels around the start image: a tap's reach, and one more for interpolation."""

_F32 = np.float32


class Layout(NamedTuple):
    """Which pixels the head outputs speak for.

    Heads are channels last; channel block^2 n + block i + j of a position (y, x) belongs to the pixel
    (block y + i, block x + j).

    Attributes:
        block: side of the square of pixels that a position speaks for; its area is a multiple of `LANES`.
        width: of the image.
    """

    block: int
    width: int


class Taps(NamedTuple):
    """How the network places and weighs its taps.

    Attributes:
        rest_x: where each tap rests, pixels to the right.
        rest_y: where each tap rests, pixels down.
        limit: largest displacement from rest.
        residual: 1 subtracts the weights' mean and adds the start image, 0 divides the weights by their sum.
    """

    rest_x: NDArray[np.float32]
    rest_y: NDArray[np.float32]
    limit: np.float32
    residual: np.float32


def taps_of(kernel_size: int, residual: bool) -> Taps:
    """Taps of a k x k kernel, which rest on their pixel and its neighbours."""
    reach = kernel_size // 2
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    rest_x, rest_y = np.tile(steps, kernel_size), np.repeat(steps, kernel_size)
    return Taps(rest_x, rest_y, np.float32(REACH - reach), np.float32(residual))


def padded_pairs(start: NDArray[np.float32]) -> NDArray[np.uint64]:
    """The start image (H, W), its border repeated `PAD` times on every side, flat.

    A number holds a pixel's bits in its lower half and those of its right neighbour in the upper one, so that one read
    gets two of the four pixels that a sample lies between. Machines are little-endian, as those of ROS 2 are.
    """
    height, width = start.shape
    image = np.empty((height + 2 * PAD, width + 2 * PAD, 2), np.float32)
    pixels, neighbours = image[..., 0], image[..., 1]
    rows = pixels[PAD:-PAD]
    rows[:, PAD:-PAD] = start
    rows[:, :PAD], rows[:, -PAD:] = start[:, :1], start[:, -1:]
    pixels[:PAD], pixels[-PAD:] = rows[0], rows[-1]
    neighbours[:, :-1], neighbours[:, -1] = pixels[:, 1:], pixels[:, -1]
    return image.reshape(-1).view(np.uint64)


@numba.njit(inline="always")
def _place_tap(
    heads: Any, first: Any, stride: Any, rest: Any, limit: Any, pixels: Any, pitch: Any, corners: Any, fx: Any, fy: Any
) -> None:
    """Upper left corners of a tap's samples in the padded image, and how far beyond them they lie."""
    one, other = heads
    rest_x, rest_y = rest[0] + _F32(PAD), rest[1] + _F32(PAD)
    for lane in range(LANES):
        i = first + np.uint64(lane)
        j = i + np.uint64(stride)
        x = within(number(one[i]) * number(other[i]), -limit, limit) + rest_x
        y = within(number(one[j]) * number(other[j]), -limit, limit) + rest_y
        ix, iy = np.int32(x), np.int32(y)
        fx[lane], fy[lane] = x - _F32(ix), y - _F32(iy)
        corners[lane] = pixels[lane] + np.uint32(iy * np.int32(pitch) + ix)


@numba.njit(inline="always")
def _read_corners(pairs: Any, corners: Any, pitch: Any, above: Any, below: Any) -> None:
    """The two pixels of a tap's samples in the upper row and the two in the lower one."""
    down = np.uint32(pitch)
    for lane in range(LANES):
        corner = corners[lane]
        above[lane], below[lane] = pairs[corner], pairs[corner + down]


@numba.njit(inline="always")
def _left(pair: Any) -> Any:
    return np.uint32(pair).view(np.float32)


@numba.njit(inline="always")
def _right(pair: Any) -> Any:
    return np.uint32(pair >> np.uint64(32)).view(np.float32)


@numba.njit(inline="always")
def _add_tap(
    weights: Any, first: Any, above: Any, below: Any, fx: Any, fy: Any, own: Any, weighted: Any, plain: Any, total: Any
) -> None:
    """Adds a tap to the sums: of weighted differences to the pixel's own depth, of differences, and of weights."""
    one, other = weights
    for lane in range(LANES):
        up = _left(above[lane]) + fx[lane] * (_right(above[lane]) - _left(above[lane]))
        low = _left(below[lane]) + fx[lane] * (_right(below[lane]) - _left(below[lane]))
        difference = up + fy[lane] * (low - up) - own[lane]
        i = first + np.uint64(lane)
        weight = number(one[i]) * number(other[i])
        weighted[lane] += weight * difference
        plain[lane] += difference
        total[lane] += weight


@compiled
def filter_rows(
    heads: Any, pairs: Any, depth: Any, low: Any, span: Any, layout: Any, taps: Any, first: int, last: int
) -> None:
    """Filters rows of positions `first` to `last`, exclusive, into `depth`.

    Args:
        heads: flat arrays: weights, in (0, 1), of both branches, then offsets of both, for each tap x and y.
        pairs: normalised start image, see `padded_pairs`.
        depth: result, flat, metres.
        low: metres at 0.
        span: metres from 0 to 1.
        layout: where things lie.
        taps: how taps are placed.
        first: first row of positions.
        last: row after the last one.
    """
    weights, offsets = heads[:2], heads[2:]
    count = taps.rest_x.size
    pitch = layout.width + 2 * PAD
    centre = np.uint32(PAD * pitch + PAD)
    own, plain = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    weighted, total = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    # a row per tap: what was just written in small pieces cannot be read in a large one without waiting for memory
    fx, fy = np.empty((count, LANES), np.float32), np.empty((count, LANES), np.float32)
    above, below = np.empty((count, LANES), np.uint64), np.empty((count, LANES), np.uint64)
    corners, pixels, targets = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    block, area, columns = layout.block, layout.block**2, layout.width // layout.block
    in_image, in_depth = np.empty(area, np.uint32), np.empty(area, np.uint32)
    for place in range(area):
        in_image[place] = np.uint32(place // block * pitch + place % block)
        in_depth[place] = np.uint32(place // block * layout.width + place % block)
    mean_share = taps.residual / _F32(count)
    for row in range(first, last):
        for place_of in range(columns * (area // LANES)):
            column, part = place_of // (area // LANES), place_of % (area // LANES)
            corner = np.uint32(row * block * pitch + column * block)
            target = np.uint32(row * block * layout.width + column * block)
            for lane in range(LANES):
                pixels[lane] = corner + in_image[part * LANES + lane]
                targets[lane] = target + in_depth[part * LANES + lane]
                own[lane] = _left(pairs[pixels[lane] + centre])
                weighted[lane] = plain[lane] = total[lane] = _F32(0)
            begin = (row * columns + column) * count * area
            for tap in range(count):
                here = np.uint64(2 * (begin + tap * area) + part * LANES)
                rest = (taps.rest_x[tap], taps.rest_y[tap])
                _place_tap(offsets, here, area, rest, taps.limit, pixels, pitch, corners, fx[tap], fy[tap])
                _read_corners(pairs, corners, pitch, above[tap], below[tap])
            for tap in range(count):
                here = np.uint64(begin + tap * area + part * LANES)
                _add_tap(weights, here, above[tap], below[tap], fx[tap], fy[tap], own, weighted, plain, total)
            for lane in range(LANES):
                # the sum of (weight - mean) difference, without a pass for the mean before it
                value = weighted[lane] - mean_share * total[lane] * plain[lane]
                value /= taps.residual + (_F32(1) - taps.residual) * total[lane]
                depth[targets[lane]] = within(own[lane] + value, _F32(0), _F32(1)) * span + low
