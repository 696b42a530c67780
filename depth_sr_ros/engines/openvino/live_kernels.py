"""The last stage of FDKN's live form, compiled by numba: the choice between two surfaces, the filter, the error.

It is what `models.kernel.live_fdkn` does behind its last convolution, in three passes over the image: `choose_rows`
makes the logarithm of depth that is filtered, `average_rows` the means that are its kernels' taps, `filter_rows` the
results. Heads come channels last, as bfloat16's bits or float32; everything is computed in float32.

Images that are filtered have a border of `PAD` pixels, so that no tap leaves them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.engines.openvino.lanes import LANES, compiled, exponential, logarithm, number, within

BLOCK = 4
"""Side of the square of pixels that a position of the heads speaks for."""
SQUARES = (1, 3, 9)
"""Sides of the squares whose means are the taps; their middles are as far apart."""
TAPS = 9 * len(SQUARES) - 1
MAPS = TAPS + 5
"""Channels per pixel: the taps' logits, their share, steepness, opinion, what colour weighs, error."""
PAD = SQUARES[-1] + SQUARES[-1] // 2
"""Pixels around an image that is filtered."""

_F32 = np.float32
_SHARE, _STEEPNESS, _OPINION, _COLOUR, _ERROR = range(TAPS, MAPS)
_NEAREST, _FARTHEST = _F32(1e-4), _F32(1e4)
_UNIT = _F32(0.01)  # metres, and share of the depth
_STRETCH = _F32(1.04)
_LEAST_GAP = _F32(1e-6)
_MOST_UNITS = _F32(20)
_MOST_LOGIT = _F32(60)
_LARGEST_LOG_ERROR = _F32(5)
_NOISE_PART, _GAP_PART = _F32(0.3), _F32(0.15)
_MEASURED = _F32(3)


class Layout(NamedTuple):
    """Where things lie in flat arrays.

    Attributes:
        columns: positions of the heads in a row.
        width: pixels in a row of an image.
        pitch: pixels in a row of an image with its border.
        in_image: places of a position's 16 pixels from its first one, uint32 (16,).
        in_bordered: the same in an image with a border.
        taps: places of the taps in an image with a border, from the pixel less the border, uint32 (26,).
    """

    columns: int
    width: int
    pitch: int
    in_image: NDArray[np.uint32]
    in_bordered: NDArray[np.uint32]
    taps: NDArray[np.uint32]


def layout_of(width: int) -> Layout:
    """The layout for images of a width."""
    pitch = width + 2 * PAD
    rows, columns = np.divmod(np.arange(LANES), BLOCK)
    steps = [(side, y, x) for side in SQUARES for y in (-1, 0, 1) for x in (-1, 0, 1) if side > 1 or y or x]
    taps = [(PAD + side * y) * pitch + PAD + side * x for side, y, x in steps]
    places = (rows * width + columns, rows * pitch + columns, taps)
    return Layout(width // BLOCK, width, pitch, *(np.array(place, np.uint32) for place in places))


@compiled
def choose_rows(
    head: Any, colour: Any, depths: Any, layout: Any, first: int, last: int, image: Any, blended: Any
) -> None:
    """Blends near and far for rows of positions `first` to `last`, exclusive. All arrays are flat.

    Args:
        head: channels last, MAPS * 16 per position.
        colour: where colours lie between near and far, 16 per position, float32.
        depths: start, near and far, metres.
        layout: where things lie.
        first: first row of positions.
        last: row after the last one.
        image: logarithm of the blend, with a border that is left alone.
        blended: the blend, metres.
    """
    start, near, far = depths
    own, closest, farthest = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    blends, logs = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for row in range(first, last):
        for column in range(layout.columns):
            position = np.uint64(row * layout.columns + column)
            said, shown = position * np.uint64(MAPS * LANES), position * np.uint64(LANES)
            pixel = np.uint32(row * BLOCK * layout.width + column * BLOCK)
            _gather(start, pixel, layout.width, own)
            _gather(near, pixel, layout.width, closest)
            _gather(far, pixel, layout.width, farthest)
            for lane in range(LANES):
                other = np.uint64(lane)
                metres = within(own[lane], _NEAREST, _FARTHEST)
                low, high = within(closest[lane], _NEAREST, metres), within(farthest[lane], metres, _FARTHEST)
                gap = high - low
                between = within((metres - low) / (gap if gap > _LEAST_GAP else _LEAST_GAP), _F32(0), _F32(1))
                opinion = number(head[said + np.uint64(_OPINION * LANES) + other])
                opinion += number(head[said + np.uint64(_COLOUR * LANES) + other]) * colour[shown + other]
                prior = (between - _F32(0.5)) / _STRETCH + _F32(0.5)
                # the sigmoid of the logit of what was known before, and the opinion
                against = (_F32(1) - prior) * exponential(within(-opinion, -_MOST_LOGIT, _MOST_LOGIT))
                chosen = (prior / (prior + against) - _F32(0.5)) * _STRETCH + _F32(0.5)
                blend = within(metres + (within(chosen, _F32(0), _F32(1)) - between) * gap, low, high)
                blends[lane], logs[lane] = blend, logarithm(blend)
            bordered = np.uint32((row * BLOCK + PAD) * layout.pitch + column * BLOCK + PAD)
            for lane in range(LANES):
                blended[pixel + layout.in_image[lane]] = blends[lane]
                image[bordered + layout.in_bordered[lane]] = logs[lane]


@compiled
def average_rows(image: Any, first: int, last: int, threes: Any, nines: Any) -> None:
    """Means over 3 x 3 and 9 x 9 pixels for rows `first` to `last`, exclusive, where these squares lie in the image.

    Args:
        image: (h, w), `PAD` wide borders included.
        first: first row.
        last: row after the last one.
        threes: means over 3 x 3, same shape; left alone where there are none.
        nines: means over 9 x 9.
    """
    height, width = image.shape
    few, many = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(max(first, 4), min(last, height - 4)):
        for x in range(width):
            few[x] = image[y - 1, x] + image[y, x] + image[y + 1, x]
            many[x] = few[x] + (image[y - 4, x] + image[y - 3, x] + image[y - 2, x])
            many[x] += image[y + 2, x] + image[y + 3, x] + image[y + 4, x]
        for x in range(4, width - 4):
            threes[y, x] = (few[x - 1] + few[x] + few[x + 1]) * _F32(1 / 9)
            total = (many[x - 4] + many[x - 3] + many[x - 2]) + (many[x - 1] + many[x] + many[x + 1])
            nines[y, x] = (total + (many[x + 2] + many[x + 3] + many[x + 4])) * _F32(1 / 81)


@numba.njit(inline="always")
def _gather(image: Any, first: Any, pitch: Any, lanes: Any) -> None:
    """A position's pixels of a flat image: four rows of four, each read at once."""
    for row in range(BLOCK):
        begin = np.uint64(first) + np.uint64(row) * np.uint64(pitch)
        for column in range(BLOCK):
            lanes[row * BLOCK + column] = image[begin + np.uint64(column)]


@numba.njit(inline="always")
def _read(head: Any, said: Any, kind: int, lanes: Any) -> None:
    """One of the head's maps for a position's pixels."""
    first = said + np.uint64(kind * LANES)
    for lane in range(LANES):
        lanes[lane] = number(head[first + np.uint64(lane)])


@numba.njit(inline="always")
def _measure(head: Any, said: Any, metres: Any, unit: Any, per_unit: Any, steepness: Any) -> None:
    """The unit of error there, metres, the inverse of what it is in logarithms, and how steeply weights fall."""
    _read(head, said, _STEEPNESS, steepness)
    for lane in range(LANES):
        own = metres[lane]
        least = own * _UNIT if own * _UNIT > _UNIT else _UNIT
        unit[lane], per_unit[lane] = least, own / least
        steep = steepness[lane]
        # log(1 + e^x), without a large power
        steepness[lane] = (steep if steep > _F32(0) else _F32(0)) + logarithm(_F32(1) + exponential(-abs(steep)))


@numba.njit(inline="always")
def _add_differences(
    image: Any, taps: Any, first: int, last: int, corner: Any, pitch: Any, own: Any, differences: Any
) -> None:
    """Taps `first` to `last` of a flat image less the pixels' own values."""
    for tap in range(first, last):
        begin = np.uint64(corner + taps[tap])
        for row in range(BLOCK):
            for column in range(BLOCK):
                lane = row * BLOCK + column
                differences[tap, lane] = image[begin + np.uint64(column)] - own[lane]
            begin += np.uint64(pitch)


@numba.njit(inline="always")
def _weigh(head: Any, said: Any, differences: Any, per_unit: Any, steepness: Any, logits: Any, largest: Any) -> None:
    """Logits of the taps' weights, and the largest of each pixel."""
    for lane in range(LANES):
        largest[lane] = _F32(-1e30)
    for tap in range(TAPS):
        begin = said + np.uint64(tap * LANES)
        for lane in range(LANES):
            units = abs(differences[tap, lane]) * per_unit[lane]
            units = units if units < _MOST_UNITS else _MOST_UNITS
            logit = number(head[begin + np.uint64(lane)]) - steepness[lane] * units
            logits[tap, lane] = logit
            largest[lane] = logit if logit > largest[lane] else largest[lane]


@numba.njit(inline="always")
def _average(logits: Any, largest: Any, differences: Any, total: Any, added: Any) -> None:
    """Sums of the taps' weights, and of their differences by weight."""
    for lane in range(LANES):
        total[lane] = added[lane] = _F32(0)
    for tap in range(TAPS):
        for lane in range(LANES):
            weight = exponential(logits[tap, lane] - largest[lane])
            total[lane] += weight
            added[lane] += weight * differences[tap, lane]


@compiled
def filter_rows(
    head: Any, images: Any, depths: Any, quality: Any, blended: Any, layout: Any, first: int, last: int, depth: Any,
    error: Any,
) -> None:  # fmt: skip
    """Filters rows of positions `first` to `last`, exclusive. All arrays are flat.

    Args:
        head: see `choose_rows`.
        images: the blend's logarithm, and its means over 3 x 3 and 9 x 9 pixels, with borders.
        depths: start, near and far, metres.
        quality: uint8.
        blended: as `choose_rows` gives it.
        layout: where things lie.
        first: first row of positions.
        last: row after the last one.
        depth: result, metres.
        error: expected error, metres.
    """
    ones, threes, nines = images
    start, near, far = depths
    own, largest = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    total, added = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    metres, unit = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    per_unit, steepness = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    closest, farthest, known = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    share, factor = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    begun, filtered, expected = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    # a row per tap: what was just written in small pieces cannot be read in a large one without waiting for memory
    differences, logits = np.empty((TAPS, LANES), np.float32), np.empty((TAPS, LANES), np.float32)
    centre = np.uint32(PAD * layout.pitch + PAD)
    for row in range(first, last):
        for column in range(layout.columns):
            said = np.uint64((row * layout.columns + column) * MAPS * LANES)
            pixel = np.uint32(row * BLOCK * layout.width + column * BLOCK)
            corner = np.uint32(row * BLOCK * layout.pitch + column * BLOCK)
            _gather(ones, corner + centre, layout.pitch, own)
            _gather(blended, pixel, layout.width, metres)
            _gather(start, pixel, layout.width, begun)
            _gather(near, pixel, layout.width, closest)
            _gather(far, pixel, layout.width, farthest)
            _gather(quality, pixel, layout.width, known)
            _measure(head, said, metres, unit, per_unit, steepness)
            _add_differences(ones, layout.taps, 0, 8, corner, layout.pitch, own, differences)
            _add_differences(threes, layout.taps, 8, 17, corner, layout.pitch, own, differences)
            _add_differences(nines, layout.taps, 17, TAPS, corner, layout.pitch, own, differences)
            _weigh(head, said, differences, per_unit, steepness, logits, largest)
            _average(logits, largest, differences, total, added)
            _read(head, said, _SHARE, share)
            _read(head, said, _ERROR, factor)
            for lane in range(LANES):
                moves = within(share[lane], _F32(0), _F32(1)) * added[lane] / total[lane]
                filtered[lane] = metres[lane] * exponential(moves)
                origin = within(begun[lane], _NEAREST, _FARTHEST)
                gap = within(farthest[lane], origin, _FARTHEST) - within(closest[lane], _NEAREST, origin)
                either = (_NOISE_PART * unit[lane] + _GAP_PART * gap) * (_F32(1) + (_MEASURED - known[lane]))
                usual = np.sqrt(unit[lane] * either)
                said_error = within(factor[lane], -_LARGEST_LOG_ERROR, _LARGEST_LOG_ERROR)
                expected[lane] = usual * exponential(said_error)
            for lane in range(LANES):
                depth[pixel + layout.in_image[lane]] = filtered[lane]
                error[pixel + layout.in_image[lane]] = expected[lane]
