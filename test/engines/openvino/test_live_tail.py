"""OpenVINO's part of the live frame graph and what numba does behind it."""

import numpy as np
import pytest
from live_networks import OPTIONS, live_artifact, wide_frame

from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.openvino import lanes, live_kernels, live_tail
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.models.live import smoothing

SIZE = (96, 160)


@pytest.fixture(scope="module", params=sorted(OPTIONS))
def exported(request, tmp_path_factory):
    return live_artifact(tmp_path_factory.getbasetemp() / "live", model=request.param)


@pytest.fixture(scope="module")
def expected(exported):
    with OnnxRuntimeEngine(exported, SIZE, "fp32", 1) as engine:
        return engine.infer(wide_frame(*SIZE))


@pytest.mark.parametrize("threads", [1, 3])
def test_cut_graph_gives_what_the_whole_one_gives(exported, expected, threads):
    with OpenVinoEngine(exported, SIZE, "fp32", threads) as engine:
        assert isinstance(engine._tail, live_tail.LiveTail)
        outputs = engine.infer(wide_frame(*SIZE))
    for name, wanted in expected.items():
        np.testing.assert_allclose(outputs[name], wanted, rtol=1e-3, err_msg=name)
        assert np.mean(np.abs(outputs[name] / wanted - 1)) < 2e-5


def test_without_numba_the_whole_graph_runs(exported, expected, monkeypatch):
    monkeypatch.setattr(live_tail, "can_run_tail", lambda: False)
    with OpenVinoEngine(exported, SIZE, "fp32", 1) as engine:
        assert engine._tail is None
        outputs = engine.infer(wide_frame(*SIZE))
    for name, wanted in expected.items():
        np.testing.assert_allclose(outputs[name], wanted, rtol=1e-3, err_msg=name)


def test_maps_before_the_convolutions_stay_float32(exported, expected):
    """In bfloat16 a depth of some metres is known to a centimetre: noise below that would drown in it."""
    if "bf16" not in OpenVinoEngine.precisions():
        pytest.skip("needs a processor with bfloat16")
    with OpenVinoEngine(exported, SIZE, "bf16", 1) as engine:
        outputs = engine.infer(wide_frame(*SIZE))
    errors = {name: np.abs(outputs[name] / wanted - 1) for name, wanted in expected.items()}
    assert 0 < errors["depth_hr"].mean() < 1.5e-3
    assert np.median(errors["expected_error"]) < 0.02


def test_kernels_agree_with_the_network_about_the_taps():
    assert live_kernels.TAPS == smoothing.TAPS and live_kernels.PAD == smoothing.REACH
    assert live_kernels.SQUARES == smoothing.SQUARES


def test_exponential_and_logarithm_are_exact_to_the_last_digits():
    x = np.linspace(-86, 87, 200_001, dtype=np.float32)
    found = np.array([lanes.exponential(v) for v in x[::100]])
    np.testing.assert_allclose(found, np.exp(x[::100].astype(np.float64)), rtol=4e-7)
    y = np.geomspace(1e-30, 1e30, 3001, dtype=np.float32)
    logs = np.log(y.astype(np.float64))
    found = np.array([lanes.logarithm(v) for v in y])
    assert (np.abs(found - logs) <= 3e-7 * np.maximum(1, np.abs(logs))).all()


def test_exponential_is_finite_whatever_comes():
    for value in (np.float32(np.inf), np.float32(-np.inf), np.float32(np.nan), np.float32(1e30)):
        assert np.isfinite(lanes.exponential(value))
