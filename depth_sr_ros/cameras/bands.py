"""Work on bands of rows by several threads at once, for kernels that run without the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

_Result = TypeVar("_Result")


def in_bands(work: Callable[[int, int], _Result], rows: int, threads: int) -> list[_Result]:
    """Calls `work(first, last)` for bands that make up all rows, the first one by the caller's thread.

    Args:
        work: does the rows from `first` to `last`, exclusive; bands must not touch each other's results.
        rows: how many there are.
        threads: how many bands there are at most.

    Returns:
        What the calls returned, from the first band to the last.
    """
    threads = max(1, min(threads, rows))
    if threads == 1:
        return [work(0, rows)]
    edges = [rows * part // threads for part in range(threads + 1)]
    others = [_pool(threads - 1).submit(work, *band) for band in zip(edges[1:-1], edges[2:], strict=True)]
    own = work(edges[0], edges[1])
    return [own, *(other.result() for other in others)]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "registration")


# a forked process has none of its parent's threads
os.register_at_fork(after_in_child=_pool.cache_clear)
