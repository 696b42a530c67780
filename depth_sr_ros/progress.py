"""A progress line: drawn in place on a terminal, a line every two seconds elsewhere."""

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
        rate = done / max(now - self._started, 1e-6)
        line = f"{done}/{self._total} ({rate:.1f}/s) {text}" if self._total else f"{done} ({rate:.1f}/s) {text}"
        if self._terminal and self._total:
            full = min(_WIDTH, done * _WIDTH // self._total)
            line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {line}"
        self._stream.write(f"\r{line}\x1b[K" if self._terminal else f"{line}\n")
        self._stream.flush()
