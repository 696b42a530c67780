"""Serves frames from an engine supply, as the inference thread does."""

from __future__ import annotations

import time

import numpy as np

from depth_sr_ros.serving.supply_state import Wish

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


def at_rest(supply) -> bool:
    """Whether nothing is asked for, prepared or ready, nor any plan wanted: nothing more comes by itself."""
    with supply._changed:
        coming = supply._asked or supply._ready or supply._doing or supply._promising()
        return not coming and supply._wish == Wish(supply._held.settings)


def rest(supply) -> dict:
    """What the settings of a test have besides model, scale and weights."""
    settings = supply.state().settings
    return {"precision": settings.precision, "threads": settings.threads, "engine_cache": settings.engine_cache}


def step(supply) -> str:
    build = supply.state().build
    return build.doing if build else ""
