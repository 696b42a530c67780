"""The graphs that TensorRT is given, against the golden frames, in ONNX Runtime."""

from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np
import onnx
import pytest
from activation_memory import at_fixed_size
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from rounding import rounded_model, run

from depth_sr_ros.artifact import SHIPPED, Artifact, list_artifacts, read_artifact
from depth_sr_ros.engines import EngineError
from depth_sr_ros.engines.selfcheck import TOLERANCE, compare
from depth_sr_ros.engines.tensorrt.body import HEADROOM, PRODUCTS, reduced_body, without_large
from depth_sr_ros.engines.tensorrt.engine import PRECISIONS
from depth_sr_ros.engines.tensorrt.evened import even_channels
from depth_sr_ros.engines.tensorrt.flat_graph import element_types, flat_graph, fold_affine, set_constant
from depth_sr_ros.engines.tensorrt.golden_frames import golden_frames
from depth_sr_ros.engines.tensorrt.graphs import graph_for
from depth_sr_ros.engines.tensorrt.layout import input_shapes
from depth_sr_ros.engines.tensorrt.quantised import quantise
from depth_sr_ros.engines.tensorrt.ranges import largest_by_channel, largest_values


def _card(name):
    return read_artifact(SHIPPED / name).card


# one of each network is enough, the others differ in their weights; of the smallest scale, since JIIF's graph grows;
# live graphs: see test_live_graph.py
SHIPPED_NETWORKS = sorted(
    {c.model: c.name for c in sorted(map(_card, list_artifacts()), key=lambda c: -c.scale) if c.scale}.values()
)


def _error(name, model, precision):
    fixture = read_artifact(SHIPPED / name).fixture()
    check = compare(run(model, fixture["rgb"], fixture["depth"]), fixture, precision)
    assert check.other_agrees
    return check.error


def _producers(model):
    return {name: node for node in model.graph.node for name in node.output}


@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_flat_graph_computes_the_same(name, shipped_graph):
    # the rounding of DADA's many steps adds up
    assert _error(name, shipped_graph(name, "fp32"), "fp32") < (2e-5 if name.startswith("dada") else 2e-6)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_reduced_graph_passes_the_self_check_with_every_rounding_done(name, precision, shipped_graph):
    error = _error(name, rounded_model(shipped_graph(name, precision)), precision)
    assert 1e-6 < error <= TOLERANCE[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_graph_is_valid_onnx_and_holds_all_it_needs(name, precision, shipped_graph):
    model = shipped_graph(name, precision)
    onnx.checker.check_model(model, full_check=True)
    assert all(i.data_location != TensorProto.EXTERNAL for i in model.graph.initializer)
    assert [i.name for i in model.graph.input] == ["rgb", "depth"]
    assert {o.name for o in model.graph.output} == {"depth_hr", "valid"}


def test_bytes_are_cast_before_anything_else_sees_them(shipped_graph):
    model = shipped_graph("fdkn_x8", "fp32")
    readers = [node.op_type for node in model.graph.node if "rgb" in node.input]
    assert readers == ["Cast"]


def test_gains_and_offsets_are_inside_the_convolutions(artifact, shipped_graph):
    before = onnx.load(str(artifact.graph))
    convolutions = {n.output[0] for n in before.graph.node if n.op_type == "Conv"}
    scaled = [n for n in before.graph.node if n.op_type == "Mul" and convolutions & set(n.input)]
    after = shipped_graph("fdkn_x8", "fp32")
    constants = {i.name for i in after.graph.initializer}
    read = [set(node.input) for node in after.graph.node if node.op_type == "Mul"]
    assert len(scaled) > 4 and not any(convolutions & names and constants & names for names in read)


def test_a_gain_that_others_read_too_stays_where_it_is():
    weight, gain = np.ones((2, 1, 1, 1), np.float32), np.full((2, 1, 1), 3, np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["c"]),
        helper.make_node("Mul", ["c", "gain"], ["y"]),
        helper.make_node("Add", ["c", "y"], ["z"]),
    ]
    model = _model(nodes, {"weight": weight, "gain": gain}, {"x": (1, 1, 4, 4)}, "z")
    fold_affine(model)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Mul", "Add"]


def _model(nodes, constants, inputs, output):
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    result = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    values = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "test", infos, [result], values)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.mark.parametrize("name", SHIPPED_NETWORKS)
def test_islands_stay_float32(name, shipped_graph):
    """Sampling, coordinates, means, norms, the start image, and the sum that ends in depth."""
    model = shipped_graph(name, "fp16")
    types, producers = element_types(model), _producers(model)
    islands = {"GridSample", "ReduceMean", "ReduceSum", "ReduceMax", "Softmax", "Div", "Range"}
    if name.startswith("bridgenet"):
        islands.remove("ReduceMax")  # its attention takes the largest of a pixel's features, which is exact in any type
    for node in model.graph.node:
        if node.op_type in islands:
            floats = [types[n] for n in (*node.input, *node.output) if types.get(n) in (1, 10)]
            assert set(floats) <= {TensorProto.FLOAT}, node
    # from depth backwards to the sum with the start image, and on the other side to the nearest product
    assert _types_up_to_products("depth_hr", producers, types) == {TensorProto.FLOAT}
    products = [n for n in model.graph.node if n.op_type in PRODUCTS]
    halves = [n for n in products if types[n.output[0]] == TensorProto.FLOAT16]
    assert len(halves) >= 0.75 * len(products)


def _types_up_to_products(name, producers, types):
    """Types of everything between a tensor and the products it comes from; the casts behind these not counted."""
    found, waiting, seen = set(), [name], set()
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or node.output[0] in seen or node.op_type in PRODUCTS:
            continue
        seen.add(node.output[0])
        source = producers.get(node.input[0]) if node.input else None
        if node.op_type == "Cast" and source is not None and source.op_type in (*PRODUCTS, "PRelu"):
            continue
        found |= {types[n] for n in (*node.input, *node.output) if types.get(n) in (1, 10)}
        waiting += [n for n in node.input if n]
    return found


def test_coordinates_that_enter_a_product_stay_float32():
    """A matrix product of positions, made of sizes and not of pixels, is not the body's."""
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["c"]),
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["sizes"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["sizes", "matrix"], ["position"]),
        helper.make_node("Add", ["c", "position"], ["sum"]),
        helper.make_node("Conv", ["sum", "kernel"], ["y"]),
    ]
    constants = {"kernel": np.ones((1, 1, 1, 1), np.float32), "matrix": np.ones((4, 4), np.float32)}
    body = reduced_body(_model(nodes, constants, {"x": (1, 1, 4, 4)}, "y"))
    assert body == {"c", "sum", "y"}


def test_products_that_an_iteration_reads_stay_float32():
    names = ["step", "more", "state"]
    loop_body = helper.make_graph(
        [helper.make_node("Identity", ["more"], ["go_on"]), helper.make_node("Mul", ["state", "second"], ["next"])],
        "body",
        [helper.make_tensor_value_info(n, t, []) for n, t in zip(names, (7, 9, 1), strict=True)],
        [helper.make_tensor_value_info(n, t, []) for n, t in (("go_on", 9), ("next", 1))],
    )
    nodes = [
        helper.make_node("Conv", ["x", "kernel"], ["first"]),
        helper.make_node("Conv", ["first", "kernel"], ["second"]),
        helper.make_node("Loop", ["count", "", "x"], ["y"], body=loop_body),
    ]
    constants = {"kernel": np.ones((1, 1, 1, 1), np.float32), "count": np.array(3, np.int64)}
    assert reduced_body(_model(nodes, constants, {"x": (1, 1, 4, 4)}, "y")) == {"first"}


def test_values_too_large_for_half_precision_stay_float32():
    nodes = [helper.make_node("Conv", [a, "kernel"], [b]) for a, b in (("x", "a"), ("a", "b"), ("b", "c"))]
    model = _model(nodes, {"kernel": np.ones((1, 1, 1, 1), np.float32)}, {"x": (1, 1, 4, 4)}, "c")
    measured = {"x": 1.0, "a": 2.0, "b": 65504 / HEADROOM + 1, "c": 1.0}
    assert without_large(model, {"a", "b", "c"}, measured) == {"a"}


def test_values_are_measured_where_they_arise():
    """The inputs of DAGF's tanh, a million times as large: what its attention map has been seen to grow to."""
    artifact = read_artifact(SHIPPED / "dagf_x8")
    model = flat_graph(artifact.graph)
    tanhs = [node.input[0] for node in model.graph.node if node.op_type == "Tanh"]
    set_constant(model.graph, "million", np.array(1e6, np.float32))
    model.graph.node.extend(helper.make_node("Mul", [name, "million"], [f"{name}:large"]) for name in tanhs)
    names = {*tanhs, *(f"{name}:large" for name in tanhs)}
    largest = largest_values(model, names, [artifact.golden_inputs()])
    assert min(largest[name] for name in tanhs) > 0.1 and max(largest[name] for name in tanhs) < 10
    assert without_large(model, names, largest) == set(tanhs)


def test_convolutions_between_others_are_quantised_per_channel(shipped_graph):
    model = shipped_graph("fdkn_x8", "int8")
    constants, producers = {i.name: i for i in model.graph.initializer}, _producers(model)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    quantised = [node for node in convolutions if _kind(producers, node.input[1]) == "DequantizeLinear"]
    assert len(quantised) == 10  # of 16: two first ones and four heads stay
    for node in quantised:
        assert _kind(producers, node.input[0]) == "DequantizeLinear"
        weight = producers[node.input[1]]
        stored, step = (constants[name] for name in weight.input[:2])
        assert stored.data_type == TensorProto.INT8 and list(step.dims) == [stored.dims[0]]
        assert len(node.input) == 2 or constants[node.input[2]].data_type == TensorProto.FLOAT16
    zeros = [n for n in model.graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    assert not any(numpy_helper.to_array(constants[n.input[2]]).any() for n in zeros)


@pytest.mark.parametrize(
    ("name", "parts"), [("fdkn_x8", ("depth_branch.features.*",)), ("dagf_x8", ("levels.*.blocks", "levels.*.fuse"))]
)
def test_parts_that_the_card_names_stay_in_half_precision(name, parts):
    artifact = read_artifact(SHIPPED / name)
    card = replace(artifact.card, half_parts=parts)
    weights = {n.output[0]: n.input[1] for n in flat_graph(artifact.graph).graph.node if n.op_type == "Conv"}
    before, after = (
        {weights[name] for name in _quantised(graph_for(Artifact(artifact.folder, c), "int8"))}
        for c in (replace(card, half_parts=()), card)
    )
    left = {weight for weight in before if any(fnmatchcase(weight, f"network.{part}.*") for part in parts)}
    assert left and after == before - left


def _quantised(model):
    """The convolutions with weights in 8-bit integers, by their outputs before anything was reduced."""
    producers = _producers(model)
    convolutions = [n for n in model.graph.node if n.op_type == "Conv"]
    return {
        n.output[0].removesuffix(":half") for n in convolutions if _kind(producers, n.input[1]) == "DequantizeLinear"
    }


def test_a_folded_weight_keeps_the_name_of_its_part():
    weight, gain = np.ones((2, 1, 1, 1), np.float32), np.full((2, 1, 1), 3, np.float32)
    name = "network.part.weight"
    nodes = [helper.make_node("Conv", ["x", name], ["c"]), helper.make_node("Mul", ["c", "gain"], ["y"])]
    model = _model(nodes, {name: weight, "gain": gain}, {"x": (1, 1, 4, 4)}, "y")
    fold_affine(model)
    assert model.graph.node[0].input[1].startswith(f"{name}:")


def _kind(producers, name):
    return producers[name].op_type if name in producers else None


def test_calibration_frames_decide_the_steps(artifact):
    fixture = artifact.fixture()
    contrast = [{"rgb": np.where(fixture["rgb"] > 128, 255, 0).astype(np.uint8), "depth": fixture["depth"]}]
    steps = [_steps(graph_for(artifact, "int8", frames)) for frames in ((), contrast)]
    assert steps[0].keys() == steps[1].keys() and steps[0] != steps[1]


def _steps(model):
    constants = {i.name: i for i in model.graph.initializer}
    quantisers = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    return {n.input[0]: float(numpy_helper.to_array(constants[n.input[1]])) for n in quantisers}


def _conv_model(weight, shape):
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["c"]), helper.make_node("Conv", ["x", "other"], ["d"])]
    nodes.append(helper.make_node("Add", ["c", "d"], ["y"]))
    return _model(nodes, {"kernel": weight, "other": weight[::-1].copy()}, {"x": shape}, "y")


def test_evened_channels_compute_the_same_with_less_spread():
    generator = np.random.default_rng(0)
    weight = generator.normal(size=(4, 3, 1, 1)).astype(np.float32)
    x = generator.normal(size=(1, 3, 5, 6)).astype(np.float32) * np.float32([100, 1, 5]).reshape(3, 1, 1)
    model = _conv_model(weight, x.shape)
    before = ReferenceEvaluator(model).run(None, {"x": x})[0]
    largest = np.abs(x).max(axis=(0, 2, 3))
    evened = even_channels(model, ["c", "d"], {"x": largest})
    np.testing.assert_allclose(ReferenceEvaluator(model).run(None, {"x": x})[0], before, rtol=1e-5, atol=1e-4)
    # both convolutions read the one division, whose largest value is that of the input
    assert sum(node.op_type == "Mul" for node in model.graph.node) == 1
    assert evened == {"x:evened": pytest.approx(float(largest.max()), rel=1e-5)}
    by = next(numpy_helper.to_array(i) for i in model.graph.initializer if i.name == "x:evened:by")
    magnitudes = largest * by.reshape(-1)
    assert magnitudes.max() / magnitudes.min() < 0.5 * largest.max() / largest.min()


def test_grouped_convolutions_and_empty_channels_stay_as_they_are():
    weight = np.ones((4, 1, 1, 1), np.float32)
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["c"], group=4)]
    model = _model(nodes, {"kernel": weight}, {"x": (1, 4, 3, 3)}, "c")
    assert even_channels(model, ["c"], {"x": np.ones(4, np.float32)}) == {}
    model = _conv_model(np.ones((2, 4, 1, 1), np.float32), (1, 4, 3, 3))
    assert even_channels(model, ["c", "d"], {"x": np.zeros(4, np.float32)}) == {}


def test_ranges_per_channel_are_those_of_all_frames(artifact):
    model, frames = flat_graph(artifact.graph), golden_frames(artifact)
    name = next(n.output[0] for n in model.graph.node if n.op_type == "Conv")
    together = largest_by_channel(model, [name], frames)[name]
    alone = [largest_by_channel(model, [name], [frame])[name] for frame in frames]
    np.testing.assert_array_equal(together, np.max(alone, axis=0))
    assert together.max() == pytest.approx(largest_values(model, [name], frames)[name])


def test_frames_made_of_the_golden_one_keep_holes_and_range(artifact):
    depth = artifact.fixture()["depth"]
    for frame in golden_frames(artifact):
        rgb, other = frame["rgb"], frame["depth"]
        assert rgb.dtype == np.uint8 and other.dtype == np.float32 and rgb.flags.c_contiguous
        np.testing.assert_array_equal(other > 0, depth > 0)
        assert other[other > 0].min() == pytest.approx(depth[depth > 0].min())
        assert other.max() == pytest.approx(depth.max())


def test_weights_are_rounded_to_the_nearest_step():
    weight = np.array([0.5, -0.26, 1e-6], np.float16).reshape(3, 1, 1, 1)
    nodes = [helper.make_node("Conv", ["x", "kernel"], ["c:half"])]
    model = _model(nodes, {"kernel": weight}, {"x": (1, 1, 4, 4)}, "c:half")
    quantise(model, ["c"], {"c": 4.0})
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    stored, step = constants["c:weight:int8"], constants["c:weight:int8:step"]
    restored = stored * step.astype(np.float32).reshape(3, 1, 1, 1)
    assert np.abs(stored).max() == 127 or np.abs(stored).max() == 126
    assert np.abs(restored - weight.astype(np.float32)).max() <= step.max() / 2


def test_an_unknown_operator_form_is_refused_before_tensorrt_misreads_it(artifact, tmp_path):
    for file in artifact.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    raw = onnx.load(str(artifact.graph), load_external_data=False)
    raw.opset_import[0].version = 20
    (tmp_path / "graph.onnx").write_bytes(raw.SerializeToString())
    with pytest.raises(EngineError, match="GridSample .*opset 20: TensorRT would sample nearest"):
        graph_for(Artifact(tmp_path, artifact.card), "fp32")


def test_sizes_become_constants_when_the_input_is_fixed(shipped_graph):
    fixed = at_fixed_size(shipped_graph("fdkn_x8", "fp32"), input_shapes(_card("fdkn_x8"), (9, 12)))
    assert not any(node.op_type == "Shape" for node in fixed.graph.node)
