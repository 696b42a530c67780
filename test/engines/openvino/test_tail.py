"""FDKN's last stage outside of the graph gives what the graph gives."""

import sys

import numpy as np
import pytest

from depth_sr_ros.artifact import SHIPPED, Artifact, read_artifact
from depth_sr_ros.engines.openvino import tail as openvino_tail
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.selfcheck import check_engine

pytest.importorskip("numba", reason="the tail outside of the graph needs numba")
pytest.importorskip("openvino")

GRID = (5, 7)
SCALE = 8


@pytest.fixture(scope="module")
def inside(artifact):
    """The engine as it is without numba."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "depth_sr_ros.engines.openvino.kernel_tail", None)
        engine = OpenVinoEngine(artifact, GRID, "fp32", threads=1)
    assert engine._tail is None
    return engine


@pytest.fixture(scope="module")
def outside(artifact):
    engine = OpenVinoEngine(artifact, GRID, "fp32", threads=1)
    assert engine._tail is not None
    return engine


def _frame(seed=0):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 4, GRID).astype(np.float32)
    depth[1, 2:4] = 0
    return {"rgb": rng.integers(0, 256, (GRID[0] * SCALE, GRID[1] * SCALE, 3), dtype=np.uint8), "depth": depth}


def test_result_is_that_of_the_graph(inside, outside):
    for seed in range(3):
        expected, found = inside.infer(_frame(seed)), outside.infer(_frame(seed))
        np.testing.assert_allclose(found["depth_hr"], expected["depth_hr"], rtol=0, atol=3e-5)
        np.testing.assert_array_equal(found["valid"], expected["valid"])


@pytest.mark.parametrize("depth", [0.0, 1.5], ids=["nothing_valid", "flat"])
def test_frames_without_a_range_are_those_of_the_graph(depth, inside, outside):
    frame = {**_frame(), "depth": np.full(GRID, depth, np.float32)}
    expected, found = inside.infer(frame), outside.infer(frame)
    np.testing.assert_allclose(found["depth_hr"], expected["depth_hr"], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found["valid"], expected["valid"])


@pytest.mark.parametrize("precision", OpenVinoEngine.precisions())
def test_golden_frame_passes_with_the_tail_outside(artifact, precision):
    assert check_engine(OpenVinoEngine, artifact, precision, threads=2).passed


def test_threads_change_nothing(artifact, outside):
    with OpenVinoEngine(artifact, GRID, "fp32", threads=3) as engine:
        np.testing.assert_array_equal(engine.infer(_frame())["depth_hr"], outside.infer(_frame())["depth_hr"])


@pytest.mark.parametrize(
    "change", [{"sampling": "aligned_corners"}, {"offsets": False}], ids=["other_sampling", "no_offsets"]
)
def test_what_the_tail_does_not_compute_stays_in_the_graph(change, artifact, outside):
    model = _model(artifact)
    assert openvino_tail.cut_behind_heads(model, artifact.card.options, half=False) is not None
    assert openvino_tail.cut_behind_heads(_model(artifact), {**artifact.card.options, **change}, half=False) is None


@pytest.mark.parametrize("name", ["dkn_x8", "dagf_x8"])
def test_other_networks_stay_in_the_graph(name):
    artifact = read_artifact(SHIPPED / name)
    assert openvino_tail.cut_behind_heads(_model(artifact, (8, 8)), artifact.card.options, half=False) is None


def _model(artifact: Artifact, grid=GRID):
    import openvino

    model = openvino.Core().read_model(artifact.graph)
    model.reshape({"rgb": [grid[0] * SCALE, grid[1] * SCALE, 3], "depth": list(grid)})
    return model
