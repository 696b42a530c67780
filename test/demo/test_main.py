"""What the demo says at its end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from demo.__main__ import _summary

ROOT = Path(__file__).parents[2]
REPORT = {
    "model": "fdkn_x8", "engine": "openvino", "frames_out": 9, "pairs_in": 10, "dropped": {"no_subscriber": 1},
    "latency_ms": {"p50": 80.0, "p95": 90.0}, "rmse_m": None, "picture": "frame.png",
}  # fmt: skip


def test_names_the_picture_that_was_written():
    assert _summary(REPORT, Path("here")).splitlines()[-2:] == ["here/report.json", "here/frame.png"]


def test_tells_the_errors_of_everything_that_was_compared():
    rmse = {"output": 0.0801, "classical": 0.0902, "bicubic": 0.1203, "input": 0.1004, "output_where_input": 0.0805}
    text = _summary(REPORT | {"rmse_m": rmse, "coverage": {"input": 0.92, "output": 0.94}}, Path("here"))
    assert "RMSE 80.1 mm (classical 90.2 mm, bicubic 120.3 mm; as a driver aligns it 100.4 mm over 92%)" in text


WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import demo.run
print("imported")
"""


def test_needs_no_torch():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "imported", done.stderr


def test_names_no_picture_where_none_was_written():
    text = _summary(REPORT | {"picture": None}, Path("here"))
    assert "frame.png" not in text and "no picture" in text
