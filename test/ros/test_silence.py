"""Facts in, cause and fix out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depth_sr_ros.recordings.pairing import StampPairing
from depth_sr_ros.recordings.stamp_memory import Nearest
from depth_sr_ros.ros.silence import Facts, SlowEngine, Throttle, TopicFacts, explain

MS = 1_000_000
RGB = TopicFacts("/cam/rgb", publishers=1, hz=30.0)
DEPTH = TopicFacts("/cam/depth", publishers=1, hz=15.0)
S = 1000 * MS
APART = Nearest(33 * MS, 33 * MS, needed=1, spacing_ns=34 * MS)
GOOD = Facts(RGB, DEPTH, slop_ns=20 * MS, nearest=APART)
LATE = Nearest(2 * MS, -500 * MS, needed=16, spacing_ns=33 * MS)


def near(offset_ns: int, newest_offset_ns: int, **more: int | None) -> Facts:
    return replace(GOOD, nearest=replace(APART, offset_ns=offset_ns, newest_offset_ns=newest_offset_ns, **more))


@pytest.mark.parametrize(
    ("facts", "cause", "words"),
    [
        (replace(GOOD, rgb=TopicFacts("/cam/rgb")), "topic_missing", ["/cam/rgb has no publisher", "remap"]),
        (
            replace(GOOD, rgb=TopicFacts("/cam/rgb"), depth=TopicFacts("/cam/depth")),
            "topic_missing",
            ["/cam/rgb and /cam/depth have no publisher"],
        ),
        (replace(GOOD, rgb=replace(RGB, wrong_type="a/msg/B")), "type_mismatch", ["/cam/rgb", "found a/msg/B"]),
        (
            replace(GOOD, depth=replace(DEPTH, incompatible="X against Y")),
            "qos_incompatible",
            ["/cam/depth", "X against Y", "`input_reliability`"],
        ),
        (
            replace(GOOD, rgb=replace(RGB, mute=True), depth=replace(DEPTH, mute=True)),
            "no_messages",
            ["no message arrives", "doctor"],
        ),
        (replace(GOOD, rgb=replace(RGB, mute=True)), "one_stream_only", ["/cam/depth arrives at 15.0 Hz"]),
        (replace(GOOD, depth=replace(DEPTH, mute=True)), "one_stream_only", ["/cam/rgb arrives at 30.0 Hz"]),
        (GOOD, "stamps_apart", ["33.0 ms", "20.0 ms", "colour 30.0 Hz, depth 15.0 Hz", "set `slop` to 0.041"]),
        (near(-33 * MS, -33 * MS), "stamps_apart", ["best distance 33.0 ms", "set `slop` to 0.041 or more, or make"]),
        (near(33 * MS, -500 * MS, needed=16), "stamps_apart", ["0.041 or more and set `sync_queue_size` to 24"]),
        (near(34 * MS, 5 * S), "stamps_apart", ["set `slop` to 0.043"]),
        (near(35 * MS, 5 * S), "stamps_apart", ["different clocks", "add -5.000 to `depth_st", "colour arrives 5.0 s"]),
        (near(2 * S, -4 * S, spacing_ns=None), "stamps_apart", ["add 4.000 to `depth_st", "depth arrives 4.0 s after"]),
        (near(-80 * S, -90 * S), "stamps_apart", ["different clocks: synchronise them;"]),
        (replace(GOOD, nearest=None), "no_pairs", ["raise `sync_queue_size`"]),
        (
            replace(GOOD, nearest=LATE),
            "no_pairs",
            ["best distance 2.0 ms", "depth arrives 0.50 s after the colour", "`sync_queue_size` to 24 or more"],
        ),
        (replace(GOOD, nearest=replace(LATE, newest_offset_ns=500 * MS)), "no_pairs", ["colour arrives 0.50 s after"]),
        (replace(GOOD, nearest=replace(LATE, needed=70)), "no_pairs", ["`sync_queue_size` to 100 or more"]),
        (replace(GOOD, nearest=replace(LATE, needed=101)), "no_pairs", ["101 images would have to wait"]),
        (replace(GOOD, refused=("size", "too big")), "refused/size", ["all are refused: too big"]),
        (
            replace(GOOD, refused=("size", "too big"), engine=SlowEngine(12.0, 0.0)),
            "refused/size",
            ["too big; the engine has worked on one since then for 12 s"],
        ),
        (replace(GOOD, engine=SlowEngine(4.0, 0.0)), "engine_slow", ["on one frame for 4 s (the first", "restart"]),
        (replace(GOOD, engine=SlowEngine(40.0, 5.0)), "engine_slow", ["one frame for 40 s; if it does not end"]),
        (replace(GOOD, engine=SlowEngine(6.0, 5.0)), "engine_slow", ["takes 5.0 s for a frame; choose", "bench"]),
    ],
)
def test_names_cause_and_fix(facts, cause, words):
    explanation = explain(facts)
    assert explanation.cause == cause
    assert all(word in explanation.sentence for word in words), explanation.sentence


@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize(
    ("delay", "cause", "words"),
    [
        (15, "no_pairs", "set `sync_queue_size` to 24 or more"),  # half a second
        (90, "no_pairs", "set `sync_queue_size` to 100 or more"),
        (150, "stamps_apart", "different clocks"),  # more than is remembered; a larger slop would pair wrong images
    ],
)
def test_a_partner_that_comes_too_late_asks_for_a_longer_queue_and_no_larger_slop(late, delay, cause, words):
    pairing = StampPairing(20 * MS, 10)
    for i in range(600):
        assert pairing.add(1 - late, i * 33 * MS, None) is None
        if i >= delay:
            assert pairing.add(late, (i - delay) * 33 * MS, None) is None
    explanation = explain(replace(GOOD, nearest=pairing.counters.nearest))
    assert explanation.cause == cause and words in explanation.sentence, explanation.sentence
    assert "`slop`" not in explanation.sentence
    assert ("depth arrives" if late else "colour arrives") in explanation.sentence


def test_the_longer_queue_it_asks_for_pairs_the_right_images():
    pairing, pairs = StampPairing(20 * MS, 24), []
    for i in range(60):
        pairing.add(0, i * 33 * MS, i)
        pairs.append(pairing.add(1, (i - 15) * 33 * MS, i - 15))
    assert pairs[15:] == [(i, i) for i in range(45)]


def test_names_what_is_farthest_upstream():
    facts = replace(GOOD, rgb=replace(RGB, mute=True), depth=TopicFacts("/cam/depth", mute=True))
    assert explain(facts).cause == "topic_missing"


def test_the_throttle_lets_each_key_pass_once_per_period():
    throttle = Throttle(10.0)
    asked = [("a", 0.0), ("a", 9.9), ("b", 9.9), ("a", 10.0), ("b", 10.0)]
    assert [throttle.passes(key, now) for key, now in asked] == [True, False, True, True, False]
