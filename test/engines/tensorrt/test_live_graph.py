"""The live frame graph as TensorRT is given it: against the golden frame in ONNX Runtime, and compiled by TensorRT."""

import numpy as np
import onnx
import onnxruntime
import pytest
from live_networks import live_artifact
from rounding import rounded_model

from depth_sr_ros.engines.selfcheck import compare
from depth_sr_ros.engines.tensorrt.engine import PRECISIONS
from depth_sr_ros.engines.tensorrt.golden_frames import golden_frames
from depth_sr_ros.engines.tensorrt.graphs import graph_for
from depth_sr_ros.engines.tensorrt.layout import input_shapes
from depth_sr_ros.engines.tensorrt.library import find_tensorrt
from depth_sr_ros.engines.tensorrt.plan_builder import PlanBuilder
from depth_sr_ros.frame_graphs import LIVE

CAPABILITY = "SM86"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return live_artifact(tmp_path_factory.mktemp("tensorrt"), spoken=0.05)


@pytest.fixture(scope="module", params=PRECISIONS)
def graph(request, exported):
    return request.param, graph_for(exported, request.param)


def test_graph_passes_the_self_check_with_every_rounding_done(graph, exported):
    precision, model = graph
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    model = rounded_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = list(LIVE.outputs)
    outputs = dict(zip(names, session.run(names, exported.golden_inputs()), strict=True))
    check = compare(outputs, exported.fixture(), precision)
    assert check.passed, check
    assert precision == "fp32" or check.error > 1e-6


def test_graph_is_valid_onnx_and_keeps_its_inputs_and_outputs(graph):
    _, model = graph
    onnx.checker.check_model(model, full_check=True)
    assert [i.name for i in model.graph.input] == list(LIVE.inputs)
    assert [o.name for o in model.graph.output] == list(LIVE.outputs)


def test_half_of_the_graph_is_no_depth(graph):
    """Half precision knows three metres to two millimetres: logarithms and differences of depth stay float32."""
    precision, model = graph
    if precision == "fp32":
        pytest.skip("nothing is reduced")
    halves = {
        v.name for v in onnx.shape_inference.infer_shapes(model).graph.value_info if v.type.tensor_type.elem_type == 10
    }
    sensitive = [n for n in model.graph.node if n.op_type in ("Log", "Exp", "Softmax", "AveragePool")]
    assert len(sensitive) > 10
    assert not halves.intersection(name for node in sensitive for name in (*node.input, *node.output))
    assert halves


def test_tensorrt_parses_and_compiles_it(graph, exported):
    try:
        library = find_tensorrt()
    except ImportError as error:
        pytest.skip(f"no TensorRT here: {error}")
    precision, model = graph
    builder = PlanBuilder(library, model, f"fdkn_live {precision}")
    network = builder.network
    assert {network.get_input(i).name for i in range(network.num_inputs)} == set(LIVE.inputs)
    if CAPABILITY not in library.other_gpus():
        pytest.skip(f"{library.name} cannot compile for other GPUs")
    shapes = input_shapes(exported.card, exported.golden_grid)
    assert len(builder.build([shapes], exact=precision == "fp32", capabilities=(CAPABILITY,))) > 100_000


def test_golden_frames_keep_near_before_far(exported):
    frames = golden_frames(exported)
    assert len(frames) == 5
    for frame in frames:
        assert set(frame) == set(LIVE.inputs)
        assert {name: array.dtype for name, array in frame.items()} == dict(LIVE.inputs)
        assert (frame["near"] <= frame["start"] * (1 + 1e-6)).all()
        assert (frame["start"] <= frame["far"] * (1 + 1e-6)).all()
    np.testing.assert_allclose(np.median(frames[3]["start"]), np.median(frames[0]["start"]), rtol=1e-3)


def test_sizes_are_those_of_the_images(exported):
    assert input_shapes(exported.card, (48, 64))["rgb"] == (48, 64, 3)
