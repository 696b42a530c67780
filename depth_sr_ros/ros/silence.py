"""Why no frames come, in one sentence that names the cause and the fix. No ROS in here: facts in, sentence out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from depth_sr_ros.recordings.pairing import LONGEST_QUEUE
from depth_sr_ros.recordings.stamp_memory import Nearest

SLOW = "engine_slow"
"""Cause of a silence, or of rare frames, that lies with the engine."""


@dataclass(frozen=True)
class TopicFacts:
    """What is known about one image topic.

    Attributes:
        topic: resolved name.
        publishers: how many nodes publish it.
        wrong_type: message type offered instead of sensor_msgs/msg/Image, None when that is right.
        incompatible: both sides' QoS policies, when no publisher fits; None when one does.
        hz: rate of messages that arrive.
        mute: no message has arrived for a while.
    """

    topic: str
    publishers: int = 0
    wrong_type: str | None = None
    incompatible: str | None = None
    hz: float = 0.0
    mute: bool = False


@dataclass(frozen=True)
class SlowEngine:
    """Frames that take longer than the user wants to wait.

    Attributes:
        working: seconds that the frame in work has taken so far, 0 where there is none.
        longest: seconds that the slowest of the last published frames took, 0 before the first.
    """

    working: float
    longest: float

    @property
    def delivers(self) -> bool:
        """Whether the frame in work may well end as the ones before it did."""
        return self.working < 2 * self.longest


@dataclass(frozen=True)
class Facts:
    """What is known when no frame has come for a while.

    Attributes:
        rgb: the colour topic.
        depth: the depth topic.
        slop_ns: largest stamp distance of a pair.
        nearest: how depth (stream 1) and colour stamps came closest since the last pair, None when one stream has sent
            nothing.
        queue_size: images per topic that wait for their partner.
        refused: (cause, sentence) of the newest pair when pairs come and are all refused; None otherwise.
        engine: how long the engine takes where pairs come and it takes too long; None otherwise.
    """

    rgb: TopicFacts
    depth: TopicFacts
    slop_ns: int
    nearest: Nearest | None = None
    queue_size: int = 10
    refused: tuple[str, str] | None = None
    engine: SlowEngine | None = None


@dataclass(frozen=True)
class Explanation:
    """A cause, as a short word, and a sentence with the fix.

    Attributes:
        cause: the word.
        sentence: the sentence.
        delivers: frames do come, but seldom.
    """

    cause: str
    sentence: str
    delivers: bool = False


def explain(facts: Facts) -> Explanation:
    """The first cause that holds, from the farthest upstream to the nearest."""
    if facts.refused:
        return _refused(*facts.refused, facts.engine)
    if facts.engine:
        return _slow(facts.engine)
    topics = (facts.rgb, facts.depth)
    for rule in (_missing, _wrong_type, _incompatible, _mute):
        found = rule(topics)
        if found:
            return found
    return _apart(facts)


def _refused(cause: str, sentence: str, engine: SlowEngine | None) -> Explanation:
    since = f"; the engine has worked on one since then for {engine.working:.0f} s" if engine and engine.working else ""
    return Explanation(f"refused/{cause}", f"pairs arrive but all are refused: {sentence}{since}")


def _slow(engine: SlowEngine) -> Explanation:
    smaller = "a smaller `model`, smaller images or another `engine`; `depth-sr bench` times them"
    if engine.delivers:
        found = f"pairs arrive, but the engine takes {engine.longest:.1f} s for a frame; choose {smaller}"
    else:
        first = "" if engine.longest else " (the first, for which it is also prepared)"
        found = (
            f"pairs arrive, but the engine has worked on one frame for {engine.working:.0f} s{first}; if it does not "
            f"end, restart the node with {smaller}"
        )
    return Explanation(SLOW, found, engine.delivers)


def _missing(topics: tuple[TopicFacts, TopicFacts]) -> Explanation | None:
    names = [t.topic for t in topics if t.publishers == 0]
    if not names:
        return None
    verb = "has" if len(names) == 1 else "have"
    return Explanation(
        "topic_missing",
        f"{' and '.join(names)} {verb} no publisher; start the camera driver, or remap the topic to the driver's name "
        "(`ros2 topic list` shows what is there)",
    )


def _wrong_type(topics: tuple[TopicFacts, TopicFacts]) -> Explanation | None:
    for t in topics:
        if t.wrong_type:
            return Explanation(
                "type_mismatch",
                f"{t.topic}: expected sensor_msgs/msg/Image, found {t.wrong_type}; remap to the raw image topic, "
                "or republish it with image_transport",
            )
    return None


def _incompatible(topics: tuple[TopicFacts, TopicFacts]) -> Explanation | None:
    for t in topics:
        if t.incompatible:
            return Explanation(
                "qos_incompatible",
                f"{t.topic}: the QoS of publisher and subscription is incompatible: {t.incompatible}; set "
                "`input_reliability` to best_effort, or change the publisher's QoS",
            )
    return None


def _mute(topics: tuple[TopicFacts, TopicFacts]) -> Explanation | None:
    mute = [t for t in topics if t.mute]
    if not mute:
        return None
    if len(mute) == 2:
        return Explanation(
            "no_messages",
            f"{mute[0].topic} and {mute[1].topic} have publishers but no message arrives; check that the camera "
            "streams, the ROS_DOMAIN_ID, and the shared memory of the DDS (`depth-sr doctor`)",
        )
    other = topics[1 - topics.index(mute[0])]
    return Explanation(
        "one_stream_only",
        f"{other.topic} arrives at {other.hz:.1f} Hz but nothing on {mute[0].topic}, though it has a publisher; check "
        "that this stream is enabled, and the shared memory of the DDS (`depth-sr doctor`)",
    )


def _apart(facts: Facts) -> Explanation:
    nearest = facts.nearest
    rates = f"colour {facts.rgb.hz:.1f} Hz, depth {facts.depth.hz:.1f} Hz"
    if nearest is None:
        return Explanation("no_pairs", f"both topics arrive ({rates}) but have not paired yet; raise `sync_queue_size`")
    distance_ns = abs(nearest.offset_ns)
    found = f"best distance {distance_ns / 1e6:.1f} ms, slop {facts.slop_ns / 1e6:.1f} ms ({rates})"
    if distance_ns > facts.slop_ns:
        return Explanation("stamps_apart", f"no stamps within the slop: {found}; {_nearer(nearest, facts.queue_size)}")
    late, early = _late_and_early(nearest)
    delay = f"{late} arrives {abs(nearest.newest_offset_ns) * 1e-9:.2f} s after the {early} of its time"
    return Explanation(
        "no_pairs",
        f"stamps fit: {found}; but {delay}, and only {facts.queue_size} images wait; "
        f"{_longer(nearest.needed, facts.queue_size)}, or make {late} arrive sooner; if the drivers' clocks "
        "differ, synchronise them instead",
    )


def _late_and_early(nearest: Nearest) -> tuple[str, str]:
    return ("depth", "colour") if nearest.newest_offset_ns < 0 else ("colour", "depth")


def _longer(needed: int, queue_size: int) -> str:
    """The queue for that many waiting images, and half as many more, since delays vary."""
    if needed > LONGEST_QUEUE:
        return f"lower the rates: {needed} images would have to wait, `sync_queue_size` allows {LONGEST_QUEUE}"
    return f"set `sync_queue_size` to {min(LONGEST_QUEUE, max(math.ceil(1.5 * needed), queue_size + 1))} or more"


def _nearer(nearest: Nearest, queue_size: int) -> str:
    """How to bring stamps together that are so far apart (depth minus colour)."""
    distance_ns = abs(nearest.offset_ns)
    # streams of the same time come closer than one period; farther apart, a larger slop would pair other times
    if distance_ns <= min(1e9, nearest.spacing_ns or 1e9):
        also = f" and {_longer(nearest.needed, queue_size)}" if nearest.needed > queue_size else ""
        return f"set `slop` to {distance_ns * 1.25e-9:.3f} or more{also}, or make the driver synchronise its streams"
    late, early = _late_and_early(nearest)
    ahead_s = nearest.newest_offset_ns * 1e-9
    advice = "the drivers use different clocks: synchronise them"
    if abs(ahead_s) <= 10:
        advice += f", or add {-ahead_s:.3f} to `depth_stamp_offset` (seconds)"
    return f"{advice}; or {late} arrives {abs(ahead_s):.1f} s after {early}: lower that delay"


class Throttle:
    """Lets a key pass once per period.

    Args:
        period: seconds.
    """

    def __init__(self, period: float) -> None:
        self._period = period
        self._passed: dict[str, float] = {}

    def passes(self, key: str, now: float) -> bool:
        """True when `key` has not passed within the period before monotonic time `now`."""
        if now - self._passed.get(key, float("-inf")) < self._period:
            return False
        self._passed[key] = now
        return True
