"""What the stages that numba compiles have in common: sixteen pixels go through them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba.extending import overload

LANES = 16
"""Pixels that go together."""

_F32 = np.float32
_FAST = {"contract", "arcp", "nsz", "reassoc"}  # no assumption that there is no not-a-number


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """The function compiled for the arguments it meets, without the interpreter's lock.

    What was compiled is kept for the next process, where there is a folder to keep it in.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": _FAST}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor a home can be written to
        return numba.njit(**options)(function)


def number(stored: Any) -> Any:
    """A stored number as float32: float32 itself, or the upper half of its bits, which is what bfloat16 is."""


@overload(number, inline="always")
def _number_of_type(stored: Any) -> Any:
    def itself(stored: Any) -> Any:
        return stored

    def upper_half(stored: Any) -> Any:
        return np.uint32(np.uint32(stored) << np.uint32(16)).view(np.float32)

    return itself if stored == numba.types.float32 else upper_half


@numba.njit(inline="always")
def within(x: Any, low: Any, high: Any) -> Any:
    """`x` limited; `low` for not-a-number, which min and max would let through to an index."""
    x = x if x > low else low
    return x if x < high else high


@numba.njit(inline="always")
def exponential(x: Any) -> Any:
    """Euler's number to the power of a float32 from -87 to 88, else of the limit; relative error below 2e-7.

    libm's would be called pixel by pixel. The power is split into a whole power of two, made from bits, and a rest
    whose series is short.
    """
    x = within(x, _F32(-87), _F32(88))
    twos = x * _F32(1.4426950408889634)
    whole = np.int32(twos + (_F32(0.5) if twos >= _F32(0) else _F32(-0.5)))
    # ln 2 in two parts, the first of few bits: nothing is lost in the difference
    rest = (x - _F32(whole) * _F32(0.693359375)) + _F32(whole) * _F32(2.12194440e-4)
    series = _F32(1 / 720) * rest + _F32(1 / 120)
    series = series * rest + _F32(1 / 24)
    series = series * rest + _F32(1 / 6)
    series = series * rest + _F32(0.5)
    series = series * rest + _F32(1)
    series = series * rest + _F32(1)
    return series * np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)


@numba.njit(inline="always")
def logarithm(x: Any) -> Any:
    """Natural logarithm of a positive, normal float32; error below 2e-7 of the larger of one and the result."""
    bits = np.float32(x).view(np.int32)
    twos = (bits - np.int32(0x3F3504F3)) >> np.int32(23)  # so that what is left lies around one
    part = np.int32(bits - (twos << np.int32(23))).view(np.float32)
    ratio = (part - _F32(1)) / (part + _F32(1))
    square = ratio * ratio
    series = _F32(2 / 9) * square + _F32(2 / 7)
    series = series * square + _F32(2 / 5)
    series = series * square + _F32(2 / 3)
    return _F32(twos) * _F32(0.6931471805599453) + ratio * (series * square + _F32(2))
