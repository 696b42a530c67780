"""Pairs two streams by stamp: nearest stamp, at most `slop` apart, each message used once.

The behaviour is that of message_filters' approximate synchroniser, with four corrections: the slop is inclusive,
the caller's code never runs inside the pairing, a backward jump of the stamps (a looped recording, a clock that was
set back) forgets what lies in the future, and why nothing pairs can be read from the counters.
Stamps are integers in nanoseconds. Streams are numbered 0 and 1. Nothing here knows about ROS.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from depth_sr_ros.recordings.stamp_memory import Nearest, StampMemory

BACKWARD_LIMIT_NS = 500_000_000
"""A stamp older than its stream's last one by more than this is a jump, not a late message."""

LONGEST_QUEUE = 100
"""Most messages that a stream of a live node may hold while it waits."""

MEMORY = 10
"""Stamps that are remembered per place in the queue, so that a partner that came too late is known for one."""


@dataclass
class PairingCounters:
    """What a pairing has seen since it was made.

    Attributes:
        received: messages per stream.
        unmatched: messages per stream that left without a partner.
        pairs: pairs made.
        resets: backward jumps that emptied the streams.
        nearest: how the streams came closest since the last pair, None before both have sent.
    """

    received: list[int] = field(default_factory=lambda: [0, 0])
    unmatched: list[int] = field(default_factory=lambda: [0, 0])
    pairs: int = 0
    resets: int = 0
    nearest: Nearest | None = None

    @property
    def best_distance_ns(self) -> int | None:
        """Smallest stamp distance between the streams since the last pair, None before both have sent."""
        return None if self.nearest is None else abs(self.nearest.offset_ns)


class StreamWatch:
    """Follows the stamps of both streams: finds backward jumps, keeps the counters.

    Args:
        queue_size: messages a stream may hold while it waits for its partner.
        backward_limit_ns: see `BACKWARD_LIMIT_NS`.
    """

    def __init__(self, queue_size: int, backward_limit_ns: int = BACKWARD_LIMIT_NS) -> None:
        if queue_size < 1:
            raise ValueError(f"queue_size: expected at least 1, found {queue_size}; raise it")
        self.counters = PairingCounters()
        self._queue_size = queue_size
        self._limit = backward_limit_ns
        self._last: list[int | None] = [None, None]
        self._waiting = [0, 0]
        self._shall_jump = [False, False]
        self._memories = StampMemory(MEMORY * queue_size), StampMemory(MEMORY * queue_size)

    def observe(self, stream: int, stamp_ns: int) -> bool:
        """Counts one message; True when everything newer must be forgotten before it is used.

        A jump of both streams is reported once, when the first of them goes back; a jump of one stream alone (a driver
        restarted on another clock) is reported too.
        """
        jumped = self._jumped(stream, stamp_ns)
        if jumped:
            self._forget()
        self._last[stream] = stamp_ns
        self.counters.received[stream] += 1
        self._measure(stream, stamp_ns)
        self._wait(stream)
        return jumped

    def paired(self, stamps_ns: tuple[int, int]) -> None:
        """Counts one pair out of what waits.

        Args:
            stamps_ns: of its message of stream 0 and of stream 1.
        """
        self.counters.pairs += 1
        self.counters.nearest = None
        for memory, stamp_ns in zip(self._memories, stamps_ns, strict=True):
            memory.forget_until(stamp_ns)
        self._waiting = [max(0, n - 1) for n in self._waiting]
        self._shall_jump = [False, False]

    def _jumped(self, stream: int, stamp_ns: int) -> bool:
        own, other = self._last[stream], self._last[1 - stream]
        horizon = stamp_ns + self._limit
        if own is None or own <= horizon:
            return False
        reported, self._shall_jump[stream] = self._shall_jump[stream], False
        if not reported:
            self._shall_jump[1 - stream] = other is not None and other > horizon
        return not reported

    def _forget(self) -> None:
        self.counters.resets += 1
        self.counters.nearest = None
        for stream in (0, 1):
            self.counters.unmatched[stream] += self._waiting[stream]
            self._waiting[stream] = 0
            self._memories[stream].clear()

    def _measure(self, stream: int, stamp_ns: int) -> None:
        self._memories[stream].add(stamp_ns)
        found, best = self._memories[1 - stream].nearest(stamp_ns, stream), self.counters.nearest
        if best is None or (found is not None and abs(found.offset_ns) <= abs(best.offset_ns)):
            self.counters.nearest = found

    def _wait(self, stream: int) -> None:
        if self._waiting[stream] == self._queue_size:
            self.counters.unmatched[stream] += 1
        else:
            self._waiting[stream] += 1


class StampPairing:
    """Nearest-stamp pairing of two streams.

    Args:
        slop_ns: largest stamp distance of a pair, inclusive.
        queue_size: messages a stream may hold while it waits; the oldest leaves first.
        backward_limit_ns: see `BACKWARD_LIMIT_NS`.

    Raises:
        ValueError: a negative slop or an empty queue.
    """

    def __init__(self, slop_ns: int, queue_size: int, backward_limit_ns: int = BACKWARD_LIMIT_NS) -> None:
        if slop_ns < 0:
            raise ValueError(f"slop_ns: expected 0 or more nanoseconds, found {slop_ns}; raise it")
        self._slop = slop_ns
        self._queue_size = queue_size
        self._limit = backward_limit_ns
        self._watch = StreamWatch(queue_size, backward_limit_ns)
        self._queues: tuple[dict[int, Any], dict[int, Any]] = ({}, {})

    @property
    def counters(self) -> PairingCounters:
        """What this pairing has seen."""
        return self._watch.counters

    def add(self, stream: int, stamp_ns: int, item: Any) -> tuple[Any, Any] | None:
        """Takes one message in and gives the pair it completes.

        Args:
            stream: 0 or 1.
            stamp_ns: the message's stamp; one that the stream already holds replaces the held message.
            item: whatever shall be paired; kept by reference.

        Returns:
            (item of stream 0, item of stream 1), or None while the partner is missing.
        """
        if self._watch.observe(stream, stamp_ns):
            self._forget_after(stamp_ns + self._limit)
        own, other = self._queues[stream], self._queues[1 - stream]
        own[stamp_ns] = item
        while len(own) > self._queue_size:
            del own[min(own)]
        partner = min(other, key=lambda stamp: abs(stamp - stamp_ns), default=None)
        if partner is None or abs(partner - stamp_ns) > self._slop or stamp_ns not in own:
            return None
        self._watch.paired((stamp_ns, partner) if stream == 0 else (partner, stamp_ns))
        pair = (own.pop(stamp_ns), other.pop(partner))
        return pair if stream == 0 else (pair[1], pair[0])

    def _forget_after(self, horizon_ns: int) -> None:
        for queue in self._queues:
            for stamp in [s for s in queue if s > horizon_ns]:
                del queue[stamp]
