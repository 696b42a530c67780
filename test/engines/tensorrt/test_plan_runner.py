"""The way of a frame through a plan's memory, and of that memory's life, on a GPU made of RAM."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from ram_gpu import RamGpu, RamGraph, _Context, _Engine, _Runtime, plan_of, ram_tensorrt

from depth_sr_ros.artifact import SHIPPED, read_card
from depth_sr_ros.engines.base import EngineError, EngineMemoryError
from depth_sr_ros.engines.tensorrt.flat_graph import flat_graph
from depth_sr_ros.engines.tensorrt.layout import ALIGNMENT, Layout, input_shapes
from depth_sr_ros.engines.tensorrt.plan_runner import PlanRunner

GOLDEN, OTHER = (18, 24), (4, 6)


def _shapes(grid):
    return input_shapes(read_card(SHIPPED / "fdkn_x8"), grid)


@pytest.fixture(scope="module")
def plan(artifact):
    return plan_of(flat_graph(artifact.graph).SerializeToString(), [_shapes(g) for g in (OTHER, GOLDEN)])


@pytest.fixture
def gpu():
    return RamGpu()


def _runner(gpu, plan, grid=GOLDEN, record=None):
    return PlanRunner(ram_tensorrt(gpu), gpu, plan, _shapes(grid), record or (lambda s, w: RamGraph(gpu, w)))


def _frame(artifact):
    fixture = artifact.fixture()
    return {"rgb": fixture["rgb"], "depth": fixture["depth"]}


def test_a_frame_comes_through_unchanged(gpu, plan, artifact):
    runner = _runner(gpu, plan)
    outputs = runner.run(_frame(artifact))
    fixture = artifact.fixture()
    np.testing.assert_allclose(outputs["depth_hr"], fixture["depth_hr"], atol=2e-5)
    assert np.array_equal(outputs["valid"], fixture["valid"]) and outputs["valid"].dtype == np.uint8
    runner.close()


def test_one_copy_in_one_launch_one_copy_out(gpu, plan, artifact):
    runner = _runner(gpu, plan)
    gpu.events.clear()
    runner.run(_frame(artifact))
    assert gpu.events == ["launch", "copy in", "execute", "copy out", "synchronise"]
    runner.close()


def test_the_network_has_run_before_it_is_recorded(gpu, plan):
    runner = _runner(gpu, plan)
    assert gpu.events.index("execute") < gpu.events.index("synchronise", gpu.events.index("execute"))
    assert gpu.events.index("synchronise", gpu.events.index("execute")) < gpu.events.index("record")
    runner.close()


def test_outputs_belong_to_the_caller(gpu, plan, artifact):
    runner = _runner(gpu, plan)
    first = runner.run(_frame(artifact))["depth_hr"]
    kept = first.copy()
    brighter = _frame(artifact)
    brighter["depth"] = brighter["depth"] + 1
    runner.run(brighter)
    assert np.array_equal(first, kept)
    runner.close()


def test_everything_is_given_back_in_order_and_once(gpu, plan):
    runner = _runner(gpu, plan)
    gpu.events.clear()
    runner.close()
    runner.close()
    assert gpu.events[:4] == ["free graph", "destroy context", "destroy engine", "destroy runtime"]
    assert sorted(gpu.events[4:-1]) == sorted(
        ["free inputs", "free outputs", "free pinned inputs", "free pinned outputs"]
    )
    assert gpu.events[-1] == "close"


def test_a_failed_recording_is_written_down_and_the_frame_served_without(gpu, plan, artifact, caplog):
    def refuse(stream, work):
        raise EngineError("CUDA failed while beginning a CUDA graph: cudaErrorStreamCaptureUnsupported (900)")

    with caplog.at_level(logging.INFO):
        runner = _runner(gpu, plan, record=refuse)
    assert "cudaErrorStreamCaptureUnsupported" in runner.graph_failure
    assert [record.levelname for record in caplog.records if "CUDA graph" in record.message] == ["INFO"]
    outputs = runner.run(_frame(artifact))
    np.testing.assert_allclose(outputs["depth_hr"], artifact.fixture()["depth_hr"], atol=2e-5)
    runner.close()


def test_a_plan_of_another_version_says_so_and_leaves_nothing_behind(gpu):
    with pytest.raises(EngineError, match="build it again, found: .*Version tag does not match") as caught:
        _runner(gpu, b"not a plan")
    assert not isinstance(caught.value, EngineMemoryError)
    assert gpu.closed and not gpu.held


def test_a_size_that_the_plan_was_not_built_for_names_both(gpu, plan):
    with pytest.raises(EngineError, match=r"expected a plan for .*\(5, 6\).* found one for .*\(4, 6\)"):
        _runner(gpu, plan, (5, 6))
    assert gpu.closed and not gpu.held


def test_too_little_memory_is_named_and_what_was_had_is_freed(plan):
    gpu = RamGpu(limit=100_000)
    with pytest.raises(EngineMemoryError, match="bytes for pinned outputs: out of memory"):
        PlanRunner(ram_tensorrt(gpu), gpu, plan, _shapes(GOLDEN))
    assert gpu.closed and not gpu.held


@pytest.mark.parametrize(
    "said",
    [
        "[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
        "Error Code 2: OutOfMemory (Requested size was 1073741824 bytes.)",
        "Requested amount of GPU memory (8388608 bytes) could not be allocated. There may not be enough free memory",
    ],
)
@pytest.mark.parametrize("step", ["deserialize_cuda_engine", "create_execution_context", "execute_async_v3"])
def test_too_little_memory_is_told_apart_from_a_plan_that_does_not_fit(gpu, plan, monkeypatch, step, said):
    owner = {"deserialize_cuda_engine": _Runtime, "create_execution_context": _Engine, "execute_async_v3": _Context}
    library = ram_tensorrt(gpu)
    logger = SimpleNamespace(errors=[said])
    library.logger = lambda: logger
    monkeypatch.setattr(owner[step], step, lambda self, *given: None)
    with pytest.raises(EngineMemoryError, match="expected enough memory on the GPU; close other programs"):
        PlanRunner(library, gpu, plan, _shapes(GOLDEN))
    assert gpu.closed and not gpu.held


def test_arrays_lie_aligned_beside_each_other():
    layout = Layout.of({"a": ((3, 5), np.uint8), "b": ((2,), np.float32), "c": ((7, 7), np.float32)})
    offsets = [place.offset for place in layout.places.values()]
    assert offsets == [0, ALIGNMENT, 2 * ALIGNMENT] and layout.size == 3 * ALIGNMENT
    memory = np.zeros(layout.size, np.uint8)
    views = layout.views(memory)
    views["b"][:] = [1.5, 2.5]
    assert views["c"].shape == (7, 7) and memory[ALIGNMENT:].any() and not views["a"].any()
