"""Serves frames from an engine supply, as the inference thread does."""

from __future__ import annotations

import time

import numpy as np

SIZES = ((32, 40), (4, 5))


def frame():
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (*SIZES[0], 3), np.uint8), rng.uniform(1, 2, SIZES[1]).astype(np.float32)


def serve(supply) -> None:
    supply.current()(*frame())
    supply.served(*SIZES)


def serve_until(supply, condition, timeout=60.0):
    """Serves frame after frame, as the inference thread does; the number served."""
    deadline, count = time.monotonic() + timeout, 0
    while not condition():
        assert time.monotonic() < deadline, supply.state()
        serve(supply)
        count += 1
        time.sleep(0.01)
    return count


def wait_until(supply, condition, timeout=60.0) -> None:
    """Waits while no frames come."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, supply.state()
        time.sleep(0.01)


def at_rest(supply) -> bool:
    return supply.state().at_rest


def swap_to(supply, settings, **how) -> None:
    swaps = supply.state().swaps
    supply.change(settings, **how)
    serve_until(supply, lambda: supply.state().swaps > swaps)


def roll_back(supply):
    swaps = supply.state().swaps
    answer = supply.roll_back()
    serve_until(supply, lambda: supply.state().swaps > swaps)
    return answer


def step(supply) -> str:
    build = supply.state().build
    return build.doing if build else ""
