"""Cameras in processes of their own: full-size images at full rate, and a driver that dies and comes back."""

from __future__ import annotations

import signal

import pytest
from probe import CAMERA, Child, assert_ends_cleanly, start_node

pytestmark = pytest.mark.dds


@pytest.mark.alone
@pytest.mark.timeout(180)
def test_loses_none_of_300_frames_of_640x480_at_30_hz(probe):
    # A deep queue: on a busy test machine a late executor must not look like a lossy transport.
    node = start_node(probe.namespace, input_queue_depth=10)
    outputs = probe.listen("depth/upsampled")
    node.wait_for("runs on")
    driver = Child(CAMERA, probe.namespace, "640", "480", "1", "300", "30")
    probe.spin_until(lambda: driver.find("done"), timeout=60)
    told = probe.spin_until(lambda: all_in_rest(probe.diagnostics), timeout=20)
    assert driver.stop() == 0
    assert (told["received/rgb"], told["received/depth"]) == ("300", "300")
    assert told["pairs_in"] == "300"
    assert len(outputs) <= int(told["frames_out"])
    assert_ends_cleanly(node)


def all_in_rest(told: dict[str, str]) -> dict[str, str] | None:
    """The report, once every pair is published or dropped and nothing arrives any more."""
    dropped = sum(int(value) for key, value in told.items() if key.startswith("dropped/"))
    resting = told.get("rate/rgb_hz") == "0.00" and int(told["pairs_in"]) == int(told["frames_out"]) + dropped
    return dict(told) if resting else None


def test_goes_on_when_a_publisher_dies_and_comes_back(probe):
    node = start_node(probe.namespace, silence_after=0.6)
    outputs = probe.listen("depth/upsampled")
    first = Child(CAMERA, probe.namespace, "160", "120", "8", "100000", "20")
    probe.spin_until(lambda: len(outputs) > 5, what="outputs of the first driver")
    first.stop(signal.SIGKILL)
    probe.diagnostics.clear()  # silence of the node before, or of this one before its driver, does not count
    # A killed driver says no goodbye: its publishers stay known until their lease runs out.
    probe.spin_until(lambda: probe.diagnostics.get("silence") in ("no_messages", "topic_missing"))
    outputs.clear()
    second = Child(CAMERA, probe.namespace, "160", "120", "8", "100000", "20")
    probe.spin_until(lambda: len(outputs) > 5 and "silence" not in probe.diagnostics, what="the second driver")
    second.stop(signal.SIGKILL)
    assert_ends_cleanly(node)
