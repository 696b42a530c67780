"""The live table: redrawn in place on a terminal, a line every two seconds elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from demo.watcher import NodeReport

STAGES = ("sync_wait", "decode", "prepare", "engine", "finish", "publish", "total", "age_at_publish")
_NAMES = {"total": "in the node", "age_at_publish": "stamp to publish"}
_REDRAW_S, _LINE_S = 0.5, 2.0


class LiveTable:
    """Shows the node's newest report.

    Args:
        stream: where to; None takes standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._terminal = self._stream.isatty()
        self._shown, self._height = 0.0, 0

    def show(self, report: NodeReport, received: int) -> None:
        """Shows a report, unless one was shown a moment ago.

        Args:
            report: what the node says.
            received: output frames that arrived here.
        """
        now = time.monotonic()
        if now - self._shown < (_REDRAW_S if self._terminal else _LINE_S) or not report.values:
            return
        self._shown = now
        if not self._terminal:
            print(report_line(report, received), file=self._stream, flush=True)
            return
        lines = report_table(report, received)
        width = shutil.get_terminal_size().columns - 1  # a line that wraps would spoil the way up
        up = f"\x1b[{self._height}A" if self._height else ""
        print(up + "\n".join(f"{line[:width]}\x1b[K" for line in lines), file=self._stream, flush=True)
        self._height = len(lines)


def report_line(report: NodeReport, received: int) -> str:
    """A report in one line."""
    latency = " ".join(f"{key} {_figure(report, f'latency_ms/age_at_publish/{key}')}" for key in ("p50", "p95"))
    return (
        f"pairs {report.count('pairs_in')}, out {report.count('frames_out')} at {_figure(report, 'rate/output_hz')} "
        f"Hz, received {received}, dropped {_drops(report)}, stamp to publish {latency} ms"
    )


def report_table(report: NodeReport, received: int) -> list[str]:
    """A report as the lines of a table; always as many."""
    rates = " ".join(f"{name} {_figure(report, f'rate/{name}_hz'):>5}" for name in ("rgb", "depth", "output"))
    lines = [
        f"{report.messages.get('engine', '')}: {report.messages.get('stream', '')}",
        f"rates, Hz        {rates}",
        f"pairs in {report.count('pairs_in'):>7}   frames out {report.count('frames_out'):>7}   received {received:>7}",
        f"dropped          {_drops(report)}",
        f"{'latency, ms':<18}{'p50':>8}{'p95':>8}{'max':>8}",
    ]
    for stage in STAGES:
        cells = "".join(f"{_figure(report, f'latency_ms/{stage}/{key}'):>8}" for key in ("p50", "p95", "max"))
        lines.append(f"  {_NAMES.get(stage, stage):<16}{cells}")
    return lines


def _drops(report: NodeReport) -> str:
    return ", ".join(f"{count} {cause}" for cause, count in sorted(report.dropped.items()) if count) or "none"


def _figure(report: NodeReport, key: str) -> str:
    value = report.number(key)
    return "-" if value is None else f"{value:.1f}"
