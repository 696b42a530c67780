"""Times functions in turn, so that other load affects all of them alike; and a synthetic frame to time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Case = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """Milliseconds per call.

    Attributes:
        median: on the clock.
        p95: on the clock.
        processor: median of the processor time of all threads, which does not grow when others use the machine.
        rounds: how many calls these are of.
    """

    median: float
    p95: float
    processor: float
    rounds: int


def time_in_turn(
    cases: Mapping[str, Case],
    rounds: int,
    warm_up: int = 2,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Timing]:
    """Calls every case once a round.

    Args:
        cases: what to time, by name.
        rounds: calls that count, of each.
        warm_up: rounds before those.
        progress: told how many rounds are done.
    """
    clock: dict[str, list[float]] = {name: [] for name in cases}
    processor: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(warm_up + rounds):
        for name, case in cases.items():
            before, used = time.perf_counter(), time.process_time()
            case()
            clock[name].append((time.perf_counter() - before) * 1e3)
            processor[name].append((time.process_time() - used) * 1e3)
        progress(turn + 1)
    return {name: _timing(clock[name][warm_up:], processor[name][warm_up:]) for name in cases}


def synthetic_frame(height: int, width: int, scale: float) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour (H, W, 3) and coarse depth (H / scale, W / scale), metres with holes: slanted walls, a disc, texture."""
    if not 1 <= scale <= min(height, width) / 4:
        raise ValueError(
            f"ratio of colour to depth: expected 1 to {min(height, width) / 4:g} for {width}x{height}, found "
            f"{scale:g}; give a larger size, or another ratio"
        )
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    full = np.where((x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.06, 1.2 + 0.1 * x, 2.5 + 0.6 * x - 0.3 * y)
    shade = 50 + 50 * full + 10 * np.sin(90 * x) * np.cos(70 * y)
    colour = np.clip(shade[..., None] * np.array([0.9, 0.7, 1.0]), 0, 255).astype(np.uint8)
    rows, columns = (((np.arange(int(n / scale)) + 0.5) * scale).astype(int) for n in (height, width))
    depth = full[np.ix_(rows, columns)].astype(np.float32)
    depth[2:5, 3:7] = np.nan
    return colour, depth


def _timing(clock: list[float], processor: list[float]) -> Timing:
    return Timing(statistics.median(clock), float(np.quantile(clock, 0.95)), statistics.median(processor), len(clock))
