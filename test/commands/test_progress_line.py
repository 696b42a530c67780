"""What a user sees of long work."""

from __future__ import annotations

import io

import pytest

from depth_sr_ros.commands import progress_line as progress
from depth_sr_ros.commands.progress_line import ProgressLine, ShareLine, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (-3, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")],
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def test_a_terminal_sees_share_and_time_left(monkeypatch):
    monkeypatch.setattr(progress, "_TERMINAL_S", 0.0)
    stream = Terminal()
    ShareLine(stream).show(0.5, 75.0, "compiling")
    assert stream.getvalue() == "\r[############............]  50 %, 1 min 15 s left: compiling\x1b[K"


def test_a_log_sees_plain_lines_and_no_more_than_one_in_a_while(monkeypatch):
    monkeypatch.setattr(progress, "_PLAIN_S", 0.0)
    stream = io.StringIO()
    line = ShareLine(stream)
    line.show(0.0, None, "starting")
    monkeypatch.setattr(progress, "_PLAIN_S", 100.0)
    line.show(0.5, None, "not shown")
    assert stream.getvalue() == "  0 %: starting\n"


def test_counted_work_shows_count_and_bar(monkeypatch):
    monkeypatch.setattr(progress, "_TERMINAL_S", 0.0)
    stream = Terminal()
    ProgressLine(4, stream).update(2, "frames")
    assert stream.getvalue().startswith("\r[############............] 2/4 (")
    assert stream.getvalue().endswith("/s) frames\x1b[K")
