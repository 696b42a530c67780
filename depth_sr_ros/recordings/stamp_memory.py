"""Remembers one stream's stamps for longer than its images wait, to tell a late partner from one that never existed.

Stamps are integers in nanoseconds. A message costs a binary search and a shift within a short list.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_GAPS = 10


@dataclass(frozen=True)
class Nearest:
    """How close a message came to the other stream.

    Attributes:
        offset_ns: stamp of stream 1 minus stamp of stream 0, for the message and its nearest partner.
        newest_offset_ns: the same for the message and the newest of the other stream: by how much stream 1 is ahead,
            negative where it is behind.
        needed: messages that the other stream's queue had to hold for the two to meet: the partner and all newer ones.
        spacing_ns: usual distance of the other stream's stamps, None where it has sent one only.
    """

    offset_ns: int
    newest_offset_ns: int = 0
    needed: int = 1
    spacing_ns: int | None = None


class StampMemory:
    """The newest stamps of one stream that were not paired.

    Args:
        size: how many; the one that came first leaves first.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._arrived: deque[int] = deque()
        # by arrival and by value: after a clock was set back the largest stamp is not the newest one
        self._sorted: list[int] = []

    def add(self, stamp_ns: int) -> None:
        """Remembers one stamp."""
        if len(self._arrived) == self._size:
            del self._sorted[bisect_left(self._sorted, self._arrived.popleft())]
        self._arrived.append(stamp_ns)
        insort(self._sorted, stamp_ns)

    def forget_until(self, stamp_ns: int) -> None:
        """Forgets this stamp and all before it."""
        del self._sorted[: bisect_right(self._sorted, stamp_ns)]
        self._arrived = deque(stamp for stamp in self._arrived if stamp > stamp_ns)

    def clear(self) -> None:
        """Forgets everything."""
        self._arrived.clear()
        self._sorted.clear()

    def nearest(self, stamp_ns: int, stream: int) -> Nearest | None:
        """How close a message of the other stream comes, None where nothing is remembered.

        Args:
            stamp_ns: its stamp.
            stream: its stream, 0 or 1; this memory is the other's.
        """
        if not self._sorted:
            return None
        place = bisect_left(self._sorted, stamp_ns)
        partner = min(self._sorted[max(0, place - 1) : place + 1], key=lambda stamp: abs(stamp - stamp_ns))
        sign = 1 if stream == 1 else -1
        return Nearest(
            offset_ns=sign * (stamp_ns - partner),
            newest_offset_ns=sign * (stamp_ns - self._sorted[-1]),
            needed=len(self._sorted) - bisect_left(self._sorted, partner),
            spacing_ns=self._spacing(),
        )

    def _spacing(self) -> int | None:
        gaps = [after - before for before, after in pairwise(self._sorted[-_GAPS - 1 :])]
        return round(median(gaps)) if gaps else None
