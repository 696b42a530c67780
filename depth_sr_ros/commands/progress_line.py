"""Progress lines: drawn in place on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

_TERMINAL_S, _PLAIN_S, _WIDTH = 0.1, 2.0, 24


class ProgressLine:
    """Shows how far a run is.

    Args:
        total: steps expected; 0 if unknown.
        stream: where to write; None takes stderr.
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._total, self._stream = total, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._started = self._drawn = time.monotonic()

    def update(self, done: int, text: str) -> None:
        """Shows the present state, unless it was shown a moment ago."""
        now = time.monotonic()
        if now - self._drawn >= (_TERMINAL_S if self._terminal else _PLAIN_S):
            self._drawn = now
            self._write(done, text, now)

    def close(self) -> None:
        """Leaves the line, so that what follows starts on one of its own."""
        if self._terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _write(self, done: int, text: str, now: float) -> None:
        self._draw(self._line(done, text, now), done / self._total if self._total else None)

    def _line(self, done: int, text: str, now: float) -> str:
        rate = done / max(now - self._started, 1e-6)
        count = f"{done}/{self._total}" if self._total else str(done)
        return f"{count} ({rate:.1f}/s) {text}"

    def _draw(self, line: str, share: float | None) -> None:
        if self._terminal and share is not None:
            full = min(_WIDTH, int(share * _WIDTH))
            line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {line}"
        self._stream.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        self._stream.flush()


class ShareLine(ProgressLine):
    """Shows the share of a piece of work that is done, and how long the rest will take.

    Args:
        stream: where to write; None takes stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(0, stream)

    def show(self, share: float, remaining_s: float | None, text: str) -> None:
        """Shows the present state, unless it was shown a moment ago.

        Args:
            share: 0 to 1.
            remaining_s: seconds left; None where that is unknown.
            text: what is being done.
        """
        now = time.monotonic()
        if now - self._drawn >= (_TERMINAL_S if self._terminal else _PLAIN_S):
            self._drawn = now
            left = "" if remaining_s is None else f", {duration(remaining_s)} left"
            self._draw(f"{100 * share:3.0f} %{left}: {text}", share)


def duration(seconds: float) -> str:
    """Seconds as people say them: `40 s`, `3 min 20 s`, `1 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
