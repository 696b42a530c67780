"""How long frames take on the inference thread; written there, read by the executor."""

from __future__ import annotations

RECENT = 5
"""Delivered frames that are remembered."""


class WorkClock:
    """Times the frame in work and the last ones delivered. Every write is one assignment, so no lock is needed."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._recent: tuple[float, ...] = ()

    def begin(self, now: float) -> None:
        """A frame is taken into work at monotonic time `now`, seconds."""
        self._since = now

    def delivered(self, now: float) -> None:
        """The frame in work has been published."""
        if self._since is not None:
            self._recent = (*self._recent, now - self._since)[-RECENT:]

    def end(self) -> None:
        """The frame in work is done with, published or not."""
        self._since = None

    def working(self, now: float) -> float:
        """Seconds that the frame in work has taken so far; 0 where there is none."""
        since = self._since
        return 0.0 if since is None else now - since

    @property
    def longest(self) -> float:
        """Seconds that the slowest of the last delivered frames took; 0 before the first."""
        return max(self._recent, default=0.0)
