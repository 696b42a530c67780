"""Timing in turn."""

import numpy as np
import pytest

from depth_sr_ros.commands.timing import synthetic_frame, time_in_turn


def test_cases_take_turns_and_the_warm_up_does_not_count():
    calls = []
    timings = time_in_turn({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, warm_up=1)
    assert calls == ["a", "b"] * 4
    assert {name: timing.rounds for name, timing in timings.items()} == {"a": 3, "b": 3}


def test_what_computes_longer_takes_longer():
    timings = time_in_turn({"much": lambda: sum(range(300_000)), "little": lambda: sum(range(300))}, rounds=3)
    assert timings["much"].processor > 10 * timings["little"].processor
    assert timings["much"].p95 >= timings["much"].median > 0


@pytest.mark.parametrize("scale", [4, 8])
def test_synthetic_frame_has_edges_and_holes(scale):
    rgb, depth = synthetic_frame(96, 128, scale)
    assert rgb.shape == (96, 128, 3) and depth.shape == (96 // scale, 128 // scale)
    assert np.isnan(depth).any() and np.nanmax(depth) - np.nanmin(depth) > 0.5
