"""Every model in every precision is compiled for two sizes by a real TensorRT, with or without a GPU.

Without one, TensorRT for RTX compiles ahead of time: that proves parsing, typing and compilation, not numbers and not
speed. With one, the plans are run as well.
"""

import math

import numpy as np
import onnx
import pytest

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from depth_sr_ros.engines import EngineError
from depth_sr_ros.engines.base import EngineUnavailable
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.engines.tensorrt.driver import require_gpu
from depth_sr_ros.engines.tensorrt.engine import PRECISIONS, TensorRtEngine
from depth_sr_ros.engines.tensorrt.graphs import graph_for
from depth_sr_ros.engines.tensorrt.layout import input_shapes
from depth_sr_ros.engines.tensorrt.plan_builder import PlanBuilder
from depth_sr_ros.engines.tensorrt.sampling_check import check_sampling

CAPABILITY = "SM86"
SHIPPED_NETWORKS = {
    card.model: card.name for card in (read_artifact(SHIPPED / name).card for name in list_artifacts()) if card.scale
}
SMALL_NETWORKS = ("jiif", "dada", "bridgenet")  # the shipped ones compile for minutes


def _has_gpu():
    try:
        require_gpu()
    except EngineUnavailable:
        return False
    return True


def _cases():
    for model in dict.fromkeys((*SHIPPED_NETWORKS, *SMALL_NETWORKS)):
        slow = [] if model == "fdkn" else [pytest.mark.slow, pytest.mark.timeout(600)]
        yield from (pytest.param(model, precision, marks=slow) for precision in PRECISIONS)


@pytest.fixture
def model_artifact(small_export):
    """An artifact of a model: the shipped one, or a small random network."""

    def get(model):
        if model in SHIPPED_NETWORKS and model not in SMALL_NETWORKS:
            return read_artifact(SHIPPED / SHIPPED_NETWORKS[model])
        return small_export(model)[0]

    return get


@pytest.fixture
def capabilities(library):
    """GPUs to compile for: this machine's own, or one that need not be here."""
    if _has_gpu():
        return ()
    if CAPABILITY not in library.other_gpus():
        pytest.skip(f"no GPU here, and {library.name} cannot compile for others")
    return (CAPABILITY,)


def _sizes(artifact):
    """The golden frame's and another one, as (h, w) of the depth."""
    golden = artifact.fixture()["depth"].shape
    step = artifact.card.size_multiple // math.gcd(artifact.card.scale, artifact.card.size_multiple)
    return golden, (golden[0] + step, golden[1] + 2 * step)


@pytest.mark.parametrize(("model", "precision"), list(_cases()))
def test_compiles_for_two_sizes(model, precision, model_artifact, library, capabilities):
    artifact = model_artifact(model)
    graph = graph_for(artifact, precision)
    builder = PlanBuilder(library, graph, f"{model} {precision}")
    _check_network(library.module, builder.network, graph)
    sizes = [input_shapes(artifact.card, grid) for grid in _sizes(artifact)]
    shares = []
    plan = builder.build(sizes, exact=precision == "fp32", capabilities=capabilities, progress=_collect(shares))
    assert len(plan) > 100_000
    assert shares == sorted(shares) and shares[-1] > 0.5
    # reduced weights are what is stored: a plan that fell back to float32 would be as large as the graph's weights
    assert precision == "fp32" or len(plan) < 4 * len(graph.SerializeToString()) + 10_000_000


def _collect(shares):
    return lambda share, text: shares.append(share)


def _check_network(trt, network, graph):
    """Names, types, shapes, and that the network computes in the types that the graph says."""
    inputs = {network.get_input(i).name: network.get_input(i) for i in range(network.num_inputs)}
    outputs = {network.get_output(i).name: network.get_output(i) for i in range(network.num_outputs)}
    assert {name: (t.dtype, tuple(t.shape)) for name, t in inputs.items()} == {
        "rgb": (trt.DataType.UINT8, (-1, -1, 3)),
        "depth": (trt.DataType.FLOAT, (-1, -1)),
    }
    assert {name: (t.dtype, len(t.shape)) for name, t in outputs.items()} == {
        "depth_hr": (trt.DataType.FLOAT, 2),
        "valid": (trt.DataType.UINT8, 2),
    }
    operators = [node.op_type for node in graph.graph.node]
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    assert network.num_layers >= len(operators) * 0.5
    convolutions = [layer for layer in layers if layer.type == trt.LayerType.CONVOLUTION]
    assert len(convolutions) == operators.count("Conv")
    kinds = _convolution_types(graph)
    assert [str(layer.get_output(0).dtype).endswith("HALF") for layer in convolutions].count(True) == kinds.count(10)
    assert sum(layer.type == trt.LayerType.QUANTIZE for layer in layers) == operators.count("QuantizeLinear")
    samplers = [layer for layer in layers if layer.type == trt.LayerType.GRID_SAMPLE]
    assert all(layer.get_output(0).dtype == trt.DataType.FLOAT for layer in samplers)


def _convolution_types(graph):
    types = {v.name: v.type.tensor_type.elem_type for v in onnx.shape_inference.infer_shapes(graph).graph.value_info}
    return [types.get(node.output[0]) for node in graph.graph.node if node.op_type == "Conv"]


def test_a_network_that_samples_otherwise_than_its_graph_is_refused(artifact, library):
    """What a parser does that does not know the word for bilinear: it takes nearest, and says nothing."""
    graph, nearest = graph_for(artifact, "fp32"), graph_for(artifact, "fp32")
    sampler = next(node for node in nearest.graph.node if node.op_type == "GridSample")
    sampler.attribute[[a.name for a in sampler.attribute].index("mode")].s = b"nearest"
    network = PlanBuilder(library, nearest, "nearest").network
    with pytest.raises(EngineError, match=r"expected the network to sample \{'LINEAR': 1\}, found \{'NEAREST': 1\}"):
        check_sampling(library.module, network, graph)


def test_a_graph_that_it_cannot_parse_is_refused_in_its_own_words(library):
    node = onnx.helper.make_node("Col2Im", ["x", "size", "block"], ["y"])
    values = [onnx.numpy_helper.from_array(np.array([4, 4], np.int64), name) for name in ("size", "block")]
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph([node], "g", [info("x", 1, (1, 16, 1))], [info("y", 1, None)], values)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    with pytest.raises(EngineError, match="expected a graph that it can parse, found: .*Col2Im"):
        PlanBuilder(library, model, "col2im")


def test_sizes_that_contradict_each_other_are_refused(artifact, library, capabilities):
    builder = PlanBuilder(library, graph_for(artifact, "fp32"), "fdkn_x8 fp32")
    with pytest.raises(EngineError, match="fdkn_x8 fp32: expected .*, found: "):
        builder.build([{"rgb": (80, 80, 3), "depth": (60, 80)}], capabilities=capabilities)


def test_engine_gives_a_plan_and_says_what_it_depends_on(artifact, library):
    if not _has_gpu() and not library.other_gpus():
        pytest.skip(f"no GPU here, and {library.name} cannot compile for others")
    conditions = TensorRtEngine.plan_conditions("fp16")
    assert conditions["version"] == library.version and len(conditions["graph"]) == 12
    assert conditions != TensorRtEngine.plan_conditions("fp32")
    told = []
    plan = TensorRtEngine.build_plan(artifact, (9, 12), "fp16", lambda share, text: told.append((share, text)))
    assert len(plan) > 1_000_000 and told[0] == (0.0, "making the fp16 graph")
    assert all(0 <= share <= 1 for share, _ in told)


def test_engine_refuses_a_precision_it_does_not_know(artifact, library):
    with pytest.raises(EngineError, match="expected precision fp16 or fp32 or int8, found 'bf16'"):
        TensorRtEngine.build_plan(artifact, (9, 12), "bf16")


def test_engine_is_not_built_where_it_cannot_run(artifact):
    if _has_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineUnavailable, match="expected an NVIDIA GPU"):
        TensorRtEngine(artifact, (9, 12), "fp16", plan=b"never looked at")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("model", "precision"), list(_cases()))
def test_plan_computes_what_torch_computed(model, precision, model_artifact, library):
    if not _has_gpu():
        pytest.skip("running a plan needs a GPU and its driver")
    artifact = model_artifact(model)
    assert check_engine(TensorRtEngine, artifact, precision, 0).passed
