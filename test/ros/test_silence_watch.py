"""Pairs that come without a result: what the watch tells, and how often."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from depth_sr_ros.recordings.pairing import PairingCounters
from depth_sr_ros.ros import silence_watch
from depth_sr_ros.ros.parameters import NodeParameters
from depth_sr_ros.ros.silence import TopicFacts
from depth_sr_ros.ros.silence_watch import SilenceWatch
from depth_sr_ros.ros.statistics import NodeStatistics


class Rig:
    """A watch with a patience of 3 s on a clock of its own, to which pairs come all the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(silence_watch, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.statistics, self.logged = NodeStatistics(), []
        topics = TopicFacts("/rgb", 1), TopicFacts("/depth", 1)
        inputs = SimpleNamespace(facts=lambda now, mute_after: topics, pairing=PairingCounters())
        log = SimpleNamespace(warning=self.logged.append, info=self.logged.append)
        self.processor = SimpleNamespace(refusal=None)
        self.watch = SilenceWatch(inputs, self.processor, self.statistics, NodeParameters(silence_after=3.0), log)

    def pass_time(self, seconds: float, idle: bool = False) -> list[str | None]:
        """Lets time pass with four pairs a second; what the watch told, once a second."""
        told = []
        for quarter in range(1, round(seconds * 4) + 1):
            self.now += 0.25
            self.statistics.pairs.tick(self.now)
            if quarter % 4 == 0:
                found = self.watch.check(idle)
                told.append(found and found.sentence)
        return told

    def frame(self, seconds: float) -> list[str | None]:
        """A frame that takes so long and is published."""
        self.statistics.work.begin(self.now)
        told = self.pass_time(seconds)
        self.statistics.work.delivered(self.now)
        self.statistics.output.tick(self.now)
        self.statistics.work.end()
        return told


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def test_an_engine_that_never_returns_is_told_while_pairs_come(rig):
    rig.statistics.work.begin(rig.now)
    told = rig.pass_time(10)
    assert told[:2] == [None, None]
    assert "pairs arrive, but the engine has worked on one frame for 10 s" in told[-1]
    assert len(rig.logged) == 1 and "no frames for 3 s (engine_slow): pairs arrive, but" in rig.logged[0]
    rig.pass_time(60)
    assert len(rig.logged) == 3 and "for 33 s" in rig.logged[1]  # it lasts, so it is told again now and then


def test_a_slow_engine_that_delivers_has_one_steady_status_and_one_warning(rig):
    rig.frame(5)
    told = [sentence for _ in range(20) for sentence in rig.frame(5)]
    assert set(told) == {told[0]} and "the engine takes 5.0 s for a frame" in told[0]
    assert len(rig.logged) == 1


def test_frames_around_the_limit_do_not_flap(rig):
    told = [sentence for seconds in (4, 2, 4, 2, 4, 2, 2, 4) for sentence in rig.frame(seconds)]
    assert None not in told[3:] and len(rig.logged) == 1


def test_says_so_when_the_engine_has_become_quick(rig):
    rig.frame(5)
    for _ in range(6):
        rig.frame(0.5)
    assert rig.pass_time(1) == [None]
    assert [line.partition(":")[0] for line in rig.logged] == [
        "no frames for 3 s (engine_slow)",
        "frames arrive again; the reason for the silence was",
    ]


def test_a_hung_engine_keeps_nothing_from_nobody(rig):
    rig.statistics.work.begin(rig.now)
    assert rig.pass_time(10, idle=True) == [None] * 10
    assert rig.pass_time(1, idle=False)[0] is not None
    assert rig.pass_time(1, idle=True) == [None]
    assert len(rig.logged) == 1  # no "frames arrive again", since none has come


def test_a_quick_engine_is_no_cause_however_long_nobody_listened(rig):
    rig.frame(0.5)
    rig.pass_time(60, idle=True)
    rig.statistics.work.begin(rig.now)
    assert rig.pass_time(2) == [None, None]


def test_a_refusal_is_told_with_what_the_engine_has_done_since(rig):
    rig.processor.refusal = SimpleNamespace(cause="size", sentence="too big")
    rig.statistics.work.begin(rig.now)
    assert rig.pass_time(10)[-1].endswith("all are refused: too big; the engine has worked on one since then for 10 s")
