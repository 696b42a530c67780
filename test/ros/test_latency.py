"""Durations, counters and rates."""

from __future__ import annotations

from threading import Thread

import pytest

from depth_sr_ros.ros.counters import Counters, RateMeter
from depth_sr_ros.ros.latency import STAGES, LatencyBook, Reservoir


def test_summarises_median_95th_percentile_and_maximum():
    reservoir = Reservoir()
    for sample in range(101):
        reservoir.add(sample)
    assert reservoir.summary() == (50, 95, 100)


def test_has_no_summary_without_samples():
    assert Reservoir().summary() is None
    assert LatencyBook().summaries() == {}


def test_remembers_the_newest_samples_in_fixed_space():
    reservoir = Reservoir(size=10)
    for sample in range(1000):
        reservoir.add(sample)
    assert reservoir.summary() == pytest.approx((994.5, 998.55, 999))


def test_keeps_the_stages_apart_and_refuses_unknown_ones():
    book = LatencyBook()
    book.add({"decode": 1.0, "engine": 50.0})
    assert {stage: s.p50 for stage, s in book.summaries().items()} == {"decode": 1.0, "engine": 50.0}
    assert set(book.summaries()) <= set(STAGES)
    with pytest.raises(KeyError):
        book.add({"teleport": 1.0})


def test_counts_exactly_from_two_threads():
    counters = Counters()

    def count() -> None:
        for _ in range(2000):
            counters.pair_in()
            counters.drop("size")

    threads = [Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counters.frame_out()
    snapshot = counters.snapshot()
    assert (snapshot.pairs_in, snapshot.frames_out, snapshot.dropped) == (8000, 1, {"size": 8000})


def test_measures_the_rate_of_the_last_seconds():
    meter = RateMeter(window=3.0)
    assert (meter.hz(0.0), meter.last) == (0.0, None)
    for i in range(100):
        meter.tick(i / 30)
    assert meter.hz(99 / 30) == pytest.approx(30.0)
    assert meter.hz(99 / 30 + 10) == 0.0
    assert meter.last == 99 / 30
