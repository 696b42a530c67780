"""The last stage of a kernel network that works on blocks of pixels (FDKN), in one pass, compiled by numba.

Between the last convolutions and the depth map such a network multiplies two branches' weights and offsets, subtracts
the weights' mean, samples the start image at displaced taps, sums, and adds the start image (arXiv 1910.08373, eqs.
4-7; sampling as in `depth_sr_ros.models.sampling`, convention `centred`). An inference engine does each of these over
whole planes and turns the memory layout around in between; here sixteen neighbouring pixels go through all of it while
they are in the cache. Everything is float32; heads may come in bfloat16, as their bits in uint16.

The start image is repeated beyond its border as far as a tap reaches, so no index leaves it, whatever the network
gives: not-a-number counts as the smallest displacement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

LANES = 16
"""Pixels that go together."""
REACH = 7
"""Pixels that a tap may lie from its own pixel, each way."""
PAD = REACH + 1
"""Pixels around the start image: a tap's reach, and one more for interpolation."""

_F32 = np.float32
_FAST = {"contract", "arcp", "nsz", "reassoc"}  # no assumption that there is no not-a-number


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


def padded(start: NDArray[np.float32]) -> NDArray[np.float32]:
    """The start image (H, W) with its border repeated `PAD` times on every side."""
    height, width = start.shape
    image = np.empty((height + 2 * PAD, width + 2 * PAD), np.float32)
    rows = image[PAD:-PAD]
    rows[:, PAD:-PAD] = start
    rows[:, :PAD], rows[:, -PAD:] = start[:, :1], start[:, -1:]
    image[:PAD], image[-PAD:] = rows[0], rows[-1]
    return image


def _number(stored: Any) -> Any:
    """A stored number as float32: float32 itself, or the upper half of its bits."""


@overload(_number, inline="always")
def _number_of_type(stored: Any) -> Any:
    def itself(stored: Any) -> Any:
        return stored

    def upper_half(stored: Any) -> Any:
        return np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)

    return itself if stored == numba.types.float32 else upper_half


@numba.njit(inline="always")
def _within(x: Any, low: Any, high: Any) -> Any:
    """`x` limited; `low` for not-a-number, which min and max would let through to an index."""
    x = x if x > low else low
    return x if x < high else high


@numba.njit(inline="always")
def _multiply_weights(one: Any, other: Any, first: Any, stride: Any, kernel: Any, total: Any) -> None:
    """Fills `kernel` with a part's weight products, tap after tap, and `total` with their sums."""
    for lane in range(LANES):
        total[lane] = _F32(0)
    for tap in range(kernel.size // LANES):
        here, into = first + np.uint64(tap * stride), np.uint64(tap * LANES)
        for lane in range(LANES):
            i = here + np.uint64(lane)
            weight = _number(one[i]) * _number(other[i])
            kernel[into + np.uint64(lane)] = weight
            total[lane] += weight


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
        x = _within(_number(one[i]) * _number(other[i]), -limit, limit) + rest_x
        y = _within(_number(one[j]) * _number(other[j]), -limit, limit) + rest_y
        ix, iy = np.int32(x), np.int32(y)
        fx[lane], fy[lane] = x - _F32(ix), y - _F32(iy)
        corners[lane] = pixels[lane] + np.uint32(iy * np.int32(pitch) + ix)


@numba.njit(inline="always")
def _add_samples(
    image: Any, corners: Any, pitch: Any, fx: Any, fy: Any, kernel: Any, into: Any, mean: Any, found: Any, out: Any
) -> None:
    """Adds a tap's weighted samples to `out`."""
    right, down = np.uint32(1), np.uint32(pitch)
    for lane in range(LANES):
        corner = corners[lane]
        found[0, lane], found[1, lane] = image[corner], image[corner + right]
        found[2, lane], found[3, lane] = image[corner + down], image[corner + down + right]
    for lane in range(LANES):
        above = found[0, lane] + fx[lane] * (found[1, lane] - found[0, lane])
        below = found[2, lane] + fx[lane] * (found[3, lane] - found[2, lane])
        out[lane] += (kernel[into + np.uint64(lane)] - mean[lane]) * (above + fy[lane] * (below - above))


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    """The function compiled for the arguments it meets, without the interpreter's lock.

    What was compiled is kept for the next process, where there is a folder to keep it in.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": _FAST}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor a home can be written to
        return numba.njit(**options)(function)


@_compiled
def filter_rows(
    heads: Any, image: Any, depth: Any, low: Any, span: Any, layout: Any, taps: Any, first: int, last: int
) -> None:
    """Filters rows of positions `first` to `last`, exclusive, into `depth`.

    Args:
        heads: flat arrays: weights, in (0, 1), of both branches, then offsets of both, for each tap x and y.
        image: normalised start image, `padded`, flat.
        depth: result, flat, metres.
        low: metres at 0.
        span: metres from 0 to 1.
        layout: where things lie.
        taps: how taps are placed.
        first: first row of positions.
        last: row after the last one.
    """
    weights, more_weights, pair = heads[0], heads[1], heads[2:]
    count = taps.rest_x.size
    pitch = layout.width + 2 * PAD
    own = np.uint32(PAD * pitch + PAD)
    kernel = np.empty(count * LANES, np.float32)
    total, sums, mean = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    fx, fy, found = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty((4, LANES), np.float32)
    corners, pixels, targets = np.empty(LANES, np.uint32), np.empty(LANES, np.uint32), np.empty(LANES, np.uint32)
    block, area, columns = layout.block, layout.block**2, layout.width // layout.block
    in_image, in_depth = np.empty(area, np.uint32), np.empty(area, np.uint32)
    for place in range(area):
        in_image[place] = np.uint32(place // block * pitch + place % block)
        in_depth[place] = np.uint32(place // block * layout.width + place % block)
    for row in range(first, last):
        for number in range(columns * (area // LANES)):
            column, part = number // (area // LANES), number % (area // LANES)
            corner = np.uint32(row * block * pitch + column * block)
            target = np.uint32(row * block * layout.width + column * block)
            for lane in range(LANES):
                pixels[lane] = corner + in_image[part * LANES + lane]
                targets[lane] = target + in_depth[part * LANES + lane]
                total[lane] = _F32(0)
            position = (row * columns + column) * count * area
            begin = np.uint64(position + part * LANES)
            _multiply_weights(weights, more_weights, begin, area, kernel, sums)
            for lane in range(LANES):
                mean[lane] = taps.residual * sums[lane] / _F32(count)
            begin = np.uint64(2 * position + part * LANES)
            for tap in range(count):
                here = begin + np.uint64(2 * tap * area)
                rest = (taps.rest_x[tap], taps.rest_y[tap])
                _place_tap(pair, here, area, rest, taps.limit, pixels, pitch, corners, fx, fy)
                _add_samples(image, corners, pitch, fx, fy, kernel, np.uint64(tap * LANES), mean, found, total)
            for lane in range(LANES):
                value = total[lane] / (taps.residual + (_F32(1) - taps.residual) * sums[lane])
                value += taps.residual * image[pixels[lane] + own]
                depth[targets[lane]] = _within(value, _F32(0), _F32(1)) * span + low
