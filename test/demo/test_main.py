"""What the demo says at its end."""

from __future__ import annotations

from pathlib import Path

from demo.__main__ import _summary

REPORT = {
    "model": "fdkn_x8", "engine": "openvino", "frames_out": 9, "pairs_in": 10, "dropped": {"no_subscriber": 1},
    "latency_ms": {"p50": 80.0, "p95": 90.0}, "rmse_m": None, "picture": "frame.png",
}  # fmt: skip


def test_names_the_picture_that_was_written():
    assert _summary(REPORT, Path("here")).splitlines()[-2:] == ["here/report.json", "here/frame.png"]


def test_names_no_picture_where_none_was_written():
    text = _summary(REPORT | {"picture": None}, Path("here"))
    assert "frame.png" not in text and "no picture" in text
