"""Every network exports, and both CPU runtimes give what PyTorch gives, at a camera's size and at an odd one."""

import numpy as np
import onnx
import pytest
import torch

from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.models import list_models
from depth_sr_ros.upsampler import Upsampler

# of depth: 640x480 in colour for the default network, a quarter of that for the others, which cost seconds
_CAMERA = {"fdkn": (60, 80)}
_SMALLER = (30, 40)


def _frame(height, width, scale):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    depth = (1.5 + 0.5 * np.sin(x / 5) + np.where(y > height / 2, 0.8, 0)).astype(np.float32)
    depth[2:4, 3:6] = 0
    return {"rgb": rng.integers(0, 256, (height * scale, width * scale, 3), dtype=np.uint8), "depth": depth}


@pytest.fixture(scope="module", params=list_models())
def exported(request, small_export):
    return small_export(request.param)


def _cells(network, cells):
    """The nearest size that the network takes."""
    unit = network.scale
    multiple = np.lcm(network.size_multiple, unit) // unit
    return tuple(int(-(-n // multiple) * multiple) for n in cells)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("cells", ["camera", (7, 13)])
def test_runtimes_agree_with_torch(exported, cells):
    artifact, graph = exported
    wanted = _CAMERA.get(artifact.card.model, _SMALLER) if cells == "camera" else cells
    cells = _cells(graph.network, wanted)
    frame = _frame(*cells, graph.network.scale)
    with torch.inference_mode():
        depth_hr, valid = (t.numpy() for t in graph(*(torch.from_numpy(a) for a in frame.values())))
    for runtime in (OnnxRuntimeEngine, OpenVinoEngine):
        with runtime(artifact, cells, "fp32") as engine:
            outputs = engine.infer(frame)
        np.testing.assert_allclose(outputs["depth_hr"], depth_hr, atol=1e-4, err_msg=runtime.name)
        assert np.array_equal(outputs["valid"], valid)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_size_that_is_no_multiple_of_anything_comes_back_as_it_was(exported):
    """What the network's cells need beyond the image is added before and cut off after."""
    artifact, graph = exported
    scale = graph.network.scale
    frame, size = _frame(64 // scale, 112 // scale, scale), (59, 107)
    rgb = np.ascontiguousarray(frame["rgb"][: size[0], : size[1]])
    depth = np.where(frame["depth"] > 0, frame["depth"], np.nan)
    results = [
        Upsampler(artifact.card.model, scale, weights=artifact.folder, engine=engine, precision="fp32")(rgb, depth)
        for engine in ("torch", "onnxruntime", "openvino")
    ]
    for result in results:
        assert result.depth.shape == result.valid.shape == size
    known = results[0].valid > 0
    assert known.mean() > 0.7  # the hole takes more of a coarser grid
    assert np.isfinite(results[0].depth[known]).all() and np.isnan(results[0].depth[~known]).all()
    for result in results[1:]:
        assert np.array_equal(known, result.valid > 0)
        np.testing.assert_allclose(results[0].depth, result.depth, atol=1e-4)


def test_artifact_passes_the_self_check_it_came_with(exported):
    for runtime in (OnnxRuntimeEngine, OpenVinoEngine):
        assert check_engine(runtime, exported[0], "fp32", 2).passed


def test_card_names_what_stays_in_half_precision(exported):
    artifact, graph = exported
    assert artifact.card.half_parts == graph.network.half_parts


def test_graph_is_the_form_for_inference(exported):
    """DAGF filters by slices: the matrix products of its training form would run in reduced precision."""
    graph = onnx.load(str(exported[0].graph), load_external_data=False).graph
    operators = {node.op_type for node in graph.node}
    assert exported[0].card.model != "dagf" or ("Slice" in operators and "MatMul" not in operators)
