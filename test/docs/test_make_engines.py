"""docs/engines.md shows what was measured."""

from __future__ import annotations

import json

from docs.make_engines import MEASURED, PAGE, PLOT, filled
from docs.model_measurements import read_gpu


def test_the_page_is_what_the_measurements_say():
    page = PAGE.read_text()
    assert filled(page, json.loads(MEASURED.read_text()), read_gpu()) == page, "run `python -m docs.make_engines`"
    assert PLOT.is_file()


def test_what_did_not_run_is_said_once_with_its_reason():
    row = {"frame_ms": 20.0, "processor_ms": 30.0}
    times = {"rows": {"cv2 guided filter": row}, "refused": {"tensorrt": "no GPU"}, "gflop": 1.0, "gflop_per_s": {}}
    page = filled(PAGE.read_text(), {"a/times": times, "b/times": times}, read_gpu())
    assert page.count("- tensorrt (a, b): no GPU") == 1
    assert "| a | cv2 guided filter |  | 20.0 | 30.0 |" in page
