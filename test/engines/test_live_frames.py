"""The live frame graph in every engine: one contract, and no pixel that moves others from afar."""

import numpy as np
import pytest
from engine_cases import engine_cases
from engine_on_cpu import OnCpu
from live_networks import OPTIONS, live_artifact, wide_frame

from depth_sr_ros.engines import EngineError, EngineInputError
from depth_sr_ros.engines.select import choose_engine, load_runtime
from depth_sr_ros.engines.selfcheck import check_engine, compare
from depth_sr_ros.engines.torch.network import load_network

PIXEL = (24, 30)
BEYOND = 100


@pytest.fixture(scope="module", params=sorted(OPTIONS))
def exported(request, tmp_path_factory):
    return live_artifact(tmp_path_factory.getbasetemp() / "live", model=request.param)


@pytest.fixture(scope="module")
def size(exported):
    """So long that there are enough pixels beyond the reach of one near an end."""
    step = exported.card.size_multiple
    return -(-48 // step) * step, -(-(PIXEL[1] + load_network(exported).reach + BEYOND + 1) // step) * step


@pytest.fixture(
    scope="module", params=[case for case in engine_cases() if "int8" not in case], ids=lambda p: "-".join(p)
)
def engine(request, exported, size):
    name, precision = request.param
    with load_runtime(name)(exported, size, precision, threads=1) as built:
        yield built


@pytest.fixture(scope="module")
def reference(exported, size):
    with load_runtime("torch")(exported, size, "fp32") as built:
        return built.infer(wide_frame(*size))


def test_depth_and_expected_error_agree_with_torch(engine, reference, size):
    outputs = engine.infer(wide_frame(*size))
    assert list(outputs) == ["depth_hr", "expected_error"]
    for output in outputs.values():
        assert output.shape == size and output.dtype == np.float32
    check = compare(outputs, reference, engine.describe().precision)
    assert check.passed, check


@pytest.mark.parametrize("value", [np.finfo(np.float32).max, 1e-6, 0.1, 1000.0], ids=["largest", "1e-6", "0.1", "1000"])
@pytest.mark.parametrize("names", [("start", "near", "far"), ("near",), ("far",)], ids="-".join)
def test_no_pixel_moves_another_beyond_reach(engine, exported, names, value, size):
    frame = wide_frame(*size)
    before = engine.infer(frame)
    for name in names:
        frame[name][PIXEL] = value
    after = engine.infer(frame)
    reach = load_network(exported).reach
    beyond = np.abs(np.arange(size[1]) - PIXEL[1]) > reach
    assert beyond.sum() >= BEYOND
    moved = np.abs(after["depth_hr"] - before["depth_hr"])
    assert moved[:, beyond].max() < 1e-3
    assert all(np.isfinite(output).all() for output in after.values())
    assert (after["expected_error"] > 0).all()


def test_inputs_are_left_alone_and_outputs_belong_to_the_caller(engine, size):
    frame = wide_frame(*size)
    for array in frame.values():
        array.setflags(write=False)
    first = engine.infer(frame)
    kept = {name: output.copy() for name, output in first.items()}
    engine.infer({**frame, "start": frame["start"] + 1})
    assert all(np.array_equal(first[name], kept[name]) for name in kept)


def test_inputs_of_the_papers_graph_are_refused(engine, size):
    frame = wide_frame(*size)
    with pytest.raises(
        EngineInputError, match=r"expected \['far', 'near', 'quality', 'rgb', 'start'\], found \['depth'"
    ):
        engine.infer({"rgb": frame["rgb"], "depth": frame["start"]})
    with pytest.raises(EngineInputError, match=r"'quality': expected \(\d+, \d+\) uint8, found \(\d+, \d+\) float32"):
        engine.infer({**frame, "quality": frame["start"]})


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_engine_for_a_gpu_computes_the_same_where_there_is_none(exported, reference, precision, size):
    with OnCpu(exported, size, precision) as engine:
        assert compare(engine.infer(wide_frame(*size)), reference, precision).passed


def test_self_check_passes(engine, exported, size):
    info = engine.describe()
    assert check_engine(type(engine), exported, info.precision, threads=1).passed
    assert info.artifact == exported.card.name and info.grid == size


def test_size_that_the_network_does_not_take_is_refused(exported):
    step = exported.card.size_multiple
    said = rf"expected height and width as multiples of {step} .* found .*\(50, 60\); pad"
    with pytest.raises(EngineError, match=said):
        load_runtime("onnxruntime")(exported, (50, 60), "fp32")


def test_depth_or_error_that_is_wrong_never_passes(exported):
    fixture = exported.fixture()
    right = {name: fixture[name] for name in ("depth_hr", "expected_error")}
    assert compare(right, fixture, "fp32").passed
    assert not compare({**right, "depth_hr": right["depth_hr"] * 1.01}, fixture, "int8").passed
    assert not compare({**right, "expected_error": right["expected_error"] * 2}, fixture, "int8").passed
    for name in right:
        assert not compare({**right, name: np.full_like(right[name], np.nan)}, fixture, "int8").passed


def test_choice_serves_a_live_artifact(exported, no_gpu_engines, size):
    choice = choose_engine(exported, threads=1)
    assert choice.runtime.name == "openvino"
    with choice.build(size) as engine:
        assert set(engine.infer(wide_frame(*size))) == {"depth_hr", "expected_error"}


def test_a_plan_gives_what_compiling_gives(exported, size):
    runtime = load_runtime("openvino")
    plan = runtime.build_plan(exported, size, "fp32")
    with runtime(exported, size, "fp32", 1, plan) as loaded, runtime(exported, size, "fp32", 1) as compiled:
        frame = wide_frame(*size)
        for name, output in loaded.infer(frame).items():
            np.testing.assert_array_equal(output, compiled.infer(frame)[name])
