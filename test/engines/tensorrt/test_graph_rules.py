"""No graph that ships, and none that a registered model exports, holds what engines reject or misread."""

import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from depth_sr_ros.artifact import SHIPPED, list_artifacts
from depth_sr_ros.engines.tensorrt.graph_rules import rejected_operators


def _model(nodes, inputs, opset=18, output="y"):
    infos = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
    graph = helper.make_graph(nodes, "test", infos, [helper.make_tensor_value_info(output, 0, None)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


IMAGE = (TensorProto.FLOAT, (1, 1, 4, 4))
GRID = (TensorProto.FLOAT, (1, 4, 4, 2))
SAMPLE = helper.make_node("GridSample", ["x", "g"], ["y"], mode="bilinear")


def _half(kind):
    return TensorProto.FLOAT16, kind[1]


@pytest.mark.parametrize("name", list_artifacts())
def test_shipped_graphs_keep_the_rules(name):
    assert rejected_operators(onnx.load(str(SHIPPED / name / "graph.onnx"), load_external_data=False)) == []


def _models():
    from depth_sr_ros.models import list_models

    return list_models()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", _models())
def test_exports_of_every_model_keep_the_rules(name, small_export):
    artifact, _ = small_export(name)
    assert rejected_operators(onnx.load(str(artifact.graph), load_external_data=False)) == []


@pytest.mark.slow
def test_gather_export_holds_no_grid_sample_and_computes_the_same(tmp_path):
    """The way round engines whose GridSample is wrong; DKN samples by the same code."""
    from small_networks import small_network

    from depth_sr_ros.engines.onnxruntime import OnnxRuntimeEngine
    from depth_sr_ros.models.export.artifacts import export_artifact

    artifact = export_artifact(small_network("fdkn", scale=4), "fdkn", tmp_path / "fdkn", sampler="gather")
    graph = onnx.load(str(artifact.graph), load_external_data=False)
    assert "GridSample" not in {node.op_type for node in graph.graph.node} and rejected_operators(graph) == []
    fixture = artifact.fixture()  # what PyTorch gave by grid_sample
    with OnnxRuntimeEngine(artifact, fixture["depth"].shape, "fp32", 1) as engine:
        outputs = engine.run_graph({"rgb": fixture["rgb"], "depth": fixture["depth"]})
    known = fixture["depth"][fixture["depth"] > 0]
    error = np.abs(outputs["depth_hr"] - fixture["depth_hr"]).max() / (known.max() - known.min())
    assert error <= 1e-6


@pytest.mark.parametrize(
    ("node", "inputs", "opset", "words"),
    [
        (SAMPLE, {"x": IMAGE, "g": GRID}, 20, "opset 20.*nearest"),
        (SAMPLE, {"x": _half(IMAGE), "g": GRID}, 18, "image is float16, grid is float;"),
        (SAMPLE, {"x": _half(IMAGE), "g": _half(GRID)}, 18, "keep the grid in float32"),
        (helper.make_node("Resize", ["x", "", "g"], ["y"], mode="cubic", antialias=1), {"x": IMAGE}, 18, "antialias"),
        (helper.make_node("Col2Im", ["x", "a", "b"], ["y"]), {"x": IMAGE}, 18, "Col2Im"),
        (helper.make_node("DeformConv", ["x", "w", "o"], ["y"]), {"x": IMAGE}, 19, "DeformConv"),
        (helper.make_node("Unique", ["x"], ["y"]), {"x": IMAGE}, 18, "Unique"),
        (helper.make_node("NonZero", ["x"], ["y"]), {"x": IMAGE}, 18, "NonZero"),
        (helper.make_node("Add", ["x", "z"], ["y"]), {"x": IMAGE, "z": _half(IMAGE)}, 18, "float, float16"),
        (helper.make_node("DequantizeLinear", ["b", "s"], ["y"]), {"b": (6, (4,)), "s": (1, ())}, 18, "quantised bias"),
        (helper.make_node("Fused", ["x"], ["y"], domain="com.microsoft"), {"x": IMAGE}, 18, "com.microsoft"),
    ],
    ids=lambda value: value.op_type if isinstance(value, onnx.NodeProto) else "",
)
def test_each_rule_notices_its_breach(node, inputs, opset, words):
    findings = rejected_operators(_model([node], inputs, opset))
    assert len(findings) == 1
    assert re.search(words, str(findings[0]))


def test_safe_sampling_and_resizing_are_left_alone():
    resize = helper.make_node("Resize", ["y", "", "scales"], ["z"], mode="nearest")
    model = _model([SAMPLE, resize], {"x": IMAGE, "g": GRID}, output="z")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales"))
    assert rejected_operators(model) == []


def test_bodies_of_loops_are_looked_into():
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["go"]), helper.make_node("Unique", ["s"], ["t"])],
        "body",
        [helper.make_tensor_value_info(n, t, None) for n, t in (("i", 7), ("c", 9), ("s", 1))],
        [helper.make_tensor_value_info(n, t, None) for n, t in (("go", 9), ("t", 1))],
    )
    model = _model([helper.make_node("Loop", ["", "", "x"], ["y"], body=body)], {"x": IMAGE})
    assert [finding.operator for finding in rejected_operators(model)] == ["Unique"]
