"""The exported graph is the frame graph, at any size, in every runtime."""

import numpy as np
import onnx
import pytest
import torch

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.artifacts import export_artifact
from depth_sr_ros.models.export.frame_graph import FrameGraph


@pytest.fixture(scope="module", params=["centred", "aligned_corners"])
def exported(request, tmp_path_factory):
    torch.manual_seed(0)
    network = create_model("fdkn", scale=4, sampling=request.param)
    artifact = export_artifact(network, "fdkn", tmp_path_factory.mktemp("export") / "fdkn_x4", command="none")
    return artifact, FrameGraph(network).eval()


def _frame(height, width, scale=4):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (height * scale, width * scale, 3), dtype=np.uint8)
    depth = rng.uniform(0.5, 3, (height, width)).astype(np.float32)
    depth[2:4, 3:6] = 0
    return {"rgb": rgb, "depth": depth}


@pytest.mark.parametrize("cells", [(12, 16), (15, 21)])
def test_runtimes_agree_with_torch(exported, cells):
    artifact, graph = exported
    frame = _frame(*cells)
    with torch.inference_mode():
        depth_hr, valid = (t.numpy() for t in graph(*(torch.from_numpy(a) for a in frame.values())))
    for runtime in (OnnxRuntimeEngine, OpenVinoEngine):
        with runtime(artifact, cells, "fp32") as engine:
            outputs = engine.run_graph(frame)
        np.testing.assert_allclose(outputs["depth_hr"], depth_hr, atol=2e-5, err_msg=runtime.name)
        assert np.array_equal(outputs["valid"], valid)


def test_graph_has_symbolic_size_and_a_safe_opset(exported):
    proto = onnx.load(str(exported[0].graph))
    assert all(o.version < 20 for o in proto.opset_import)
    for graph_input in proto.graph.input:
        dims = graph_input.type.tensor_type.shape.dim
        assert dims[0].dim_param and dims[1].dim_param


def test_graph_holds_no_operator_that_engines_reject(exported):
    operators = {node.op_type for node in onnx.load(str(exported[0].graph)).graph.node}
    assert operators.isdisjoint({"Resize", "Col2Im", "DeformConv", "Unique", "Loop", "If"})


def test_start_image_holds_no_convolution(exported):
    """Engines may run convolutions and matrix products in reduced precision; depth itself must not pass through one."""
    proto = onnx.load(str(exported[0].graph))
    stored = {i.name: i.dims for i in proto.graph.initializer}
    casts = [n for n in proto.graph.node if n.op_type == "Cast" and n.input[0] in stored]
    weights = {n.output[0]: stored[n.input[0]] for n in casts}
    convolutions = [n for n in proto.graph.node if n.op_type in ("Conv", "MatMul", "Gemm")]
    assert convolutions
    assert all(weights[n.input[1]][0] >= 32 for n in convolutions)


def test_graph_says_nothing_of_the_machine_that_made_it(exported):
    proto = onnx.load(str(exported[0].graph))
    for tensor in proto.graph.initializer:
        tensor.ClearField("raw_data")  # random weights may spell anything
    raw = proto.SerializeToString()
    assert b".py" not in raw and b"site-packages" not in raw


def test_artifact_reads_back_with_its_card_and_fixture(exported):
    artifact = read_artifact(exported[0].folder, "fdkn", 4)
    assert artifact.card.options["scale"] == 4
    fixture = artifact.fixture()
    assert fixture["rgb"].shape == (72, 96, 3) and fixture["depth_hr"].shape == (72, 96)
    assert (fixture["depth"] == 0).any() and not fixture["valid"].all()
