"""Plans of OpenVINO: the compiled graphs themselves."""

from __future__ import annotations

import numpy as np
import pytest

from depth_sr_ros.engines import EngineError
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.openvino.plan import PlannedOpenVinoEngine
from depth_sr_ros.engines.selfcheck import check_engine

GRID = (4, 5)


@pytest.fixture(scope="module", params=["fp32", "bf16"])
def precision(request):
    if request.param not in OpenVinoEngine.precisions():
        pytest.skip(f"this processor does not run {request.param}")
    return request.param


@pytest.fixture(scope="module")
def plan(artifact, precision):
    return PlannedOpenVinoEngine.build_plan(artifact, GRID, precision)


def frame():
    rng = np.random.default_rng(3)
    depth = rng.uniform(1, 3, GRID).astype(np.float32)
    return {"rgb": rng.integers(0, 256, (GRID[0] * 8, GRID[1] * 8, 3), np.uint8), "depth": depth}


def test_a_loaded_plan_computes_what_the_compiled_graph_does(artifact, precision, plan):
    with PlannedOpenVinoEngine(artifact, GRID, precision, plan=plan) as loaded:
        found = loaded.infer(frame())["depth_hr"]
    with OpenVinoEngine(artifact, GRID, precision) as compiled:
        assert np.array_equal(found, compiled.infer(frame())["depth_hr"])


def test_a_loaded_plan_keeps_its_precision_on_the_golden_frame(artifact, precision, plan):
    """Without the hint that belongs to it, a graph of float32 would run in bfloat16 and fail."""
    assert check_engine(PlannedOpenVinoEngine, artifact, precision, 0, plan).passed


@pytest.mark.parametrize(
    ("change", "grid"),
    [
        (lambda plan: plan, (5, 5)),
        (lambda plan: plan[:-1], GRID),
        (lambda plan: b"{}\n" + plan, GRID),
        (lambda plan: b"", GRID),
        (lambda plan: plan.partition(b"\n")[0] + b"\n" + bytes(len(plan.partition(b"\n")[2])), GRID),
    ],
    ids=["another_size", "truncated", "another_head", "empty", "zeros"],
)
def test_what_is_no_plan_of_this_size_is_refused_in_words(artifact, precision, plan, change, grid):
    with pytest.raises(EngineError, match="engine openvino: "):
        PlannedOpenVinoEngine(artifact, grid, precision, plan=change(plan))


def test_progress_goes_from_nothing_to_all(artifact):
    told = []
    PlannedOpenVinoEngine.build_plan(artifact, GRID, "fp32", lambda share, text: told.append(share))
    assert told == sorted(told) and told[0] == 0 and told[-1] < 1
