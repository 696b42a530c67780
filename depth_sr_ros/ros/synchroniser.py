"""Pairs colour and depth as they arrive, by message_filters where it is installed, else by `recordings.pairing`.

Streams are numbered `RGB` = 0 and `DEPTH` = 1; stamps are nanoseconds of the message header. The caller's code never
runs inside message_filters (an exception there would leave its lock held for good): completed pairs are returned.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Protocol

from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.time import Time

from depth_sr_ros.recordings.pairing import BACKWARD_LIMIT_NS, PairingCounters, StampPairing, StreamWatch

RGB, DEPTH = 0, 1
# rclpy has no time before zero, which an offset can bring a simulation's first stamps to; only differences count here
_SHIFT_NS = 2**62


class Synchroniser(Protocol):
    """What both pairings offer."""

    @property
    def counters(self) -> PairingCounters:
        """What has been received, paired and left over."""

    def add(self, stream: int, stamp_ns: int, item: Any) -> tuple[Any, Any] | None:
        """Takes one message in; gives (colour, depth) when it completes a pair."""


class _Stamp:
    """The part of a message that message_filters looks at: `header.stamp`."""

    def __init__(self, stamp_ns: int, item: Any) -> None:
        self.header = self
        self.stamp = Time(nanoseconds=stamp_ns + _SHIFT_NS, clock_type=ClockType.ROS_TIME)
        self.stamp_ns = stamp_ns
        self.item = item


class MessageFiltersPairing:
    """message_filters' ApproximateTimeSynchronizer, guarded.

    It is rebuilt on a backward jump of the stamps, compares the slop inclusively, and only collects pairs.

    Args:
        slop_ns: largest stamp distance of a pair, inclusive, nanoseconds.
        queue_size: messages a stream may hold while it waits.
        backward_limit_ns: a stamp that falls back by more is a jump.
    """

    def __init__(self, slop_ns: int, queue_size: int, backward_limit_ns: int = BACKWARD_LIMIT_NS) -> None:
        if slop_ns < 0:
            raise ValueError(f"slop_ns: expected 0 or more nanoseconds, found {slop_ns}; raise it")
        self._filters = import_module("message_filters")
        self._slop_ns = slop_ns
        self._queue_size = queue_size
        self._watch = StreamWatch(queue_size, backward_limit_ns)
        self._completed: list[tuple[_Stamp, _Stamp]] = []
        self._build()

    @property
    def counters(self) -> PairingCounters:
        """What this pairing has seen."""
        return self._watch.counters

    def add(self, stream: int, stamp_ns: int, item: Any) -> tuple[Any, Any] | None:
        """Takes one message in; gives (colour, depth) when it completes a pair."""
        if self._watch.observe(stream, stamp_ns):
            self._build()
        self._inputs[stream].signalMessage(_Stamp(stamp_ns, item))
        if not self._completed:
            return None
        rgb, depth = self._completed.pop()
        self._watch.paired((rgb.stamp_ns, depth.stamp_ns))
        return rgb.item, depth.item

    def _build(self) -> None:
        self._inputs = (self._filters.SimpleFilter(), self._filters.SimpleFilter())
        # Keywords: the positions of the later arguments differ between distributions.
        synchronizer = self._filters.ApproximateTimeSynchronizer(
            fs=list(self._inputs), queue_size=self._queue_size, slop=self._slop_ns * 1e-9
        )
        # Its last comparison is strict; one nanosecond more makes the slop inclusive.
        synchronizer.slop = Duration(nanoseconds=self._slop_ns + 1)
        synchronizer.registerCallback(self._collect)

    def _collect(self, rgb: _Stamp, depth: _Stamp) -> None:
        self._completed.append((rgb, depth))


@cache
def synchroniser_name() -> str:
    """Which pairing `make_synchroniser` gives on this machine: "message_filters" or "depth_sr_ros"."""
    try:
        import_module("message_filters")
    except ImportError:
        return "depth_sr_ros"
    return "message_filters"


def make_synchroniser(slop_ns: int, queue_size: int) -> Synchroniser:
    """The pairing for live topics.

    Args:
        slop_ns: largest stamp distance of a pair, inclusive, nanoseconds.
        queue_size: messages a stream may hold while it waits.
    """
    chosen = MessageFiltersPairing if synchroniser_name() == "message_filters" else StampPairing
    return chosen(slop_ns, queue_size)
