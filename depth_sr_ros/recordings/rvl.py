"""RVL, the lossless run-length and variable-length code for depth images of A. D. Wilson (ISS 2017), decoded by numpy.

The code is a stream of numbers in nibbles: three bits of a number, lowest first, and a bit that says whether more
follow. Eight nibbles fill a 32-bit little-endian word, the first one in its highest bits. The numbers are, in turn, how
many pixels are zero, how many follow that are not, and for each of these its difference from the last non-zero
pixel, the sign in the lowest bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.errors import FrameError


def decode_rvl(data: bytes, pixels: int) -> NDArray[np.uint16]:
    """Decodes one image.

    Args:
        data: the words of the code.
        pixels: how many pixels there are.

    Returns:
        (pixels,) uint16, row by row.

    Raises:
        FrameError: cause `data_length`, the code ends before the image or counts more pixels than it has.
    """
    numbers = _numbers(data)
    runs = _runs(numbers, pixels)
    values = np.zeros(pixels, np.uint16)
    if not runs:
        return values
    # where the differences of each run lie among the numbers, and where they go in the image
    source = np.concatenate([np.arange(first, first + count) for first, _, count in runs])
    target = np.concatenate([np.arange(pixel, pixel + count) for _, pixel, count in runs])
    coded = numbers[source]
    differences = (coded >> 1) ^ -(coded & 1)
    values[target] = np.cumsum(differences).astype(np.uint16)
    return values


def _numbers(data: bytes) -> NDArray[np.int64]:
    """All numbers of the stream; one that has no end is left out."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    shifts = np.arange(28, -4, -4, dtype=np.uint32)
    nibbles = ((words[:, None] >> shifts) & 15).astype(np.int64).reshape(-1)
    ends = np.flatnonzero(nibbles < 8)
    if ends.size == 0:
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    nibbles = nibbles[: ends[-1] + 1]
    place = np.arange(nibbles.size) - np.repeat(starts, ends - starts + 1)
    # an honest number has 17 bits at most; beyond that a damaged one must not overflow
    return np.add.reduceat((nibbles & 7) << np.minimum(3 * place, 36), starts)


def _runs(numbers: NDArray[np.int64], pixels: int) -> list[tuple[int, int, int]]:
    """(index of the first difference, its pixel, count) of each run of non-zero pixels."""
    runs: list[tuple[int, int, int]] = []
    index = pixel = 0
    while pixel < pixels:
        if index + 1 >= numbers.size:
            raise _damaged(f"ends after {pixel} of {pixels} pixels")
        pixel, count = pixel + int(numbers[index]), int(numbers[index + 1])
        index += 2
        if pixel + count > pixels:
            raise _damaged(f"counts more than the {pixels} pixels of the image")
        if index + count > numbers.size:
            raise _damaged(f"ends after {pixel + numbers.size - index} of {pixels} pixels")
        if count:
            runs.append((index, pixel, count))
        index, pixel = index + count, pixel + count
    return runs


def _damaged(what: str) -> FrameError:
    return FrameError("data_length", f"RVL depth: expected a whole image, found a code that {what}; record it again")
