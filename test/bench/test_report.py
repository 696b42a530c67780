"""Tables and plot of the measurements."""

import cv2
import numpy as np
import pytest

from bench.engine_times import STRAIGHTFORWARD
from bench.engines_report import report
from bench.limits import arithmetic
from bench.plot import scaling_plot


def test_ratios_are_those_of_the_job_they_were_measured_in():
    rows = {
        "openvino bf16": {"frame_ms": 50.0, "engine_ms": 48.0, "processor_ms": 90.0, "peak_mib": 300, "before_mib": 60},
        STRAIGHTFORWARD: {"frame_ms": 500.0, "processor_ms": 900.0},
    }
    job = {"rows": rows, "refused": {"tensorrt": "not installed"}, "gflop": 24.0, "gflop_per_s": {"bf16": 1000.0}}
    text = report({"fdkn_x8/times": job})
    assert "| fdkn_x8 | openvino bf16 | 48.0 | 50.0 | 90.0 | 10.0x | 50% | 300 (60 without) |" in text
    assert "- tensorrt (fdkn_x8): not installed" in text


def test_siblings_are_put_beside_their_networks():
    rows = {"openvino bf16": {"sibling_ms": 16.0, "network_ms": 34.0, "rounds": 45}}
    text = report({"fdkn_s_x8/beside/fdkn_x8_live": {"rows": rows}})
    assert "| fdkn_s_x8 | fdkn_x8_live | openvino bf16 | 16.0 | 34.0 | 2.12x |" in text


def test_arithmetic_of_fdkn_is_that_of_its_layers(artifact):
    branches = (48 + 16 + 2 * 32) * 32 + 2 * (32 * 64 + 64 * 64 + 64 * 128 + 128 * 128)
    heads = 2 * 128 * 3 * 9 * 16
    expected = 2 * (9 * branches + heads) * 120 * 160 * 1e-9
    assert arithmetic(artifact.graph, (60, 80), 8) == pytest.approx(expected, rel=1e-6)


def test_plot_draws_every_line_and_refuses_nothing_at_all(tmp_path):
    scaling_plot({"a": [(0.1, 10), (0.3, 30)], "b": [(0.1, 50), (0.3, 160)]}, tmp_path / "one.png")
    image = cv2.imread(str(tmp_path / "one.png"))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10
    with pytest.raises(ValueError, match="expected points"):
        scaling_plot({}, tmp_path / "none.png")
