"""Counts pairs and measures rates; safe to use from both threads."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from threading import Lock


@dataclass(frozen=True)
class CounterSnapshot:
    """The counters at one instant.

    At every instant pairs_in = frames_out + all of dropped + (0 or 1 waiting) + (0 or 1 in work).
    """

    pairs_in: int = 0
    frames_out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)


class Counters:
    """Counts what becomes of every pair."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pairs_in = 0
        self._frames_out = 0
        self._dropped: Counter[str] = Counter()

    def pair_in(self) -> None:
        """A pair was formed."""
        with self._lock:
            self._pairs_in += 1

    def frame_out(self) -> None:
        """A pair became a published frame."""
        with self._lock:
            self._frames_out += 1

    def drop(self, cause: str) -> None:
        """A pair was given up."""
        with self._lock:
            self._dropped[cause] += 1

    def snapshot(self) -> CounterSnapshot:
        """All counters at one instant."""
        with self._lock:
            return CounterSnapshot(self._pairs_in, self._frames_out, dict(self._dropped))


class RateMeter:
    """Rate of events over the last seconds.

    Args:
        window: seconds that count.

    Attributes:
        last: monotonic time of the newest event, None before the first.
    """

    def __init__(self, window: float = 3.0) -> None:
        self._window = window
        self._lock = Lock()
        self._times: deque[float] = deque(maxlen=1000)
        self.last: float | None = None

    def tick(self, now: float) -> None:
        """One event at monotonic time `now`, seconds."""
        with self._lock:
            self._times.append(now)
            self.last = now

    def hz(self, now: float) -> float:
        """Events per second within the window that ends at `now`; 0 for fewer than two."""
        with self._lock:
            while self._times and self._times[0] < now - self._window:
                self._times.popleft()
            if len(self._times) < 2 or self._times[-1] == self._times[0]:
                return 0.0
            return (len(self._times) - 1) / (self._times[-1] - self._times[0])
