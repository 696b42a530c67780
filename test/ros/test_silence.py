"""Facts in, cause and fix out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from depth_sr_ros.ros.silence import Facts, Throttle, TopicFacts, explain

MS = 1_000_000
RGB = TopicFacts("/cam/rgb", publishers=1, hz=30.0)
DEPTH = TopicFacts("/cam/depth", publishers=1, hz=15.0)
GOOD = Facts(RGB, DEPTH, slop_ns=20 * MS, best_offset_ns=33 * MS)


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
        (replace(GOOD, best_offset_ns=-33 * MS), "stamps_apart", ["best distance 33.0 ms", "set `slop` to 0.041"]),
        (replace(GOOD, best_offset_ns=5_000 * MS), "stamps_apart", ["different clocks", "add -5.000 to `depth_st"]),
        (replace(GOOD, best_offset_ns=-90_000 * MS), "stamps_apart", ["different clocks: synchronise them"]),
        (replace(GOOD, best_offset_ns=None), "no_pairs", ["`sync_queue_size`"]),
        (replace(GOOD, refused=("size", "too big")), "refused/size", ["all are refused: too big"]),
    ],
)
def test_names_cause_and_fix(facts, cause, words):
    explanation = explain(facts)
    assert explanation.cause == cause
    assert all(word in explanation.sentence for word in words), explanation.sentence


def test_names_what_is_farthest_upstream():
    facts = replace(GOOD, rgb=replace(RGB, mute=True), depth=TopicFacts("/cam/depth", mute=True))
    assert explain(facts).cause == "topic_missing"


def test_the_throttle_lets_each_key_pass_once_per_period():
    throttle = Throttle(10.0)
    asked = [("a", 0.0), ("a", 9.9), ("b", 9.9), ("a", 10.0), ("b", 10.0)]
    assert [throttle.passes(key, now) for key, now in asked] == [True, False, True, True, False]
