"""Compiles kernels by numba.

The first call in a new installation compiles, which takes five to ten seconds (`registration.warm_up` does that before
frames come). Later processes read what was compiled, in a quarter of a second, from beside the source or, where that
cannot be written, from numba's folder in the user's cache. Where neither can be written every process compiles.

numba notices a change of the kernel's own file only: after changing a function that a kernel of another file calls,
remove `__pycache__`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "arcp", "nsz"},  # not-a-number keeps its meaning, sums their order
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled for the arguments that it meets; runs without the interpreter's lock."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written to
        return numba.njit(**_OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled as a part of the kernels that call it.

    A call of its own would count references of every array it is given, which takes longer than what it does.
    """
    return numba.njit(inline="always", **_OPTIONS)(function)
