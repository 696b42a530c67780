"""An artifact's graph as TensorRT wants it: weights inside, constants computed, bytes cast at the edge, norms folded.

Everything here is numpy and ONNX. No step changes what the graph computes, beyond the last digit of float32.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

_LARGEST_CONSTANT = 2**26
"""Elements of the largest constant that is computed ahead."""

_NEVER_CONSTANT = {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial"}


def flat_graph(path: Path) -> onnx.ModelProto:
    """Reads a graph and the weights beside it into one self-contained model.

    Stored weights pass their Cast or DequantizeLinear here and become plain initialisers, as does everything else that
    no input changes. An affine map per channel behind a convolution moves into it. Bytes are cast to float32 before
    anything else happens to them: TensorRT accepts bytes at the edge of a network only.

    Args:
        path: ONNX file; its weights lie beside it.
    """
    model = onnx.load(str(path))
    fold_constants(model)
    cast_bytes_first(model)
    fold_affine(model)
    drop_unused(model)
    return model


def fold_constants(model: onnx.ModelProto) -> None:
    """Computes every node whose inputs are all constants, in place."""
    graph = model.graph
    constants: dict[str, NDArray[Any]] = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    opset = {o.domain: o.version for o in model.opset_import}
    kept: list[onnx.NodeProto] = []
    for node in graph.node:
        values = _outputs_of_constants(node, constants, opset)
        if values is None:
            kept.append(node)
            continue
        for name, value in zip(node.output, values, strict=True):
            constants[name] = value
            graph.initializer.append(numpy_helper.from_array(value, name))
    replace_nodes(graph, kept)


def _outputs_of_constants(
    node: onnx.NodeProto, constants: dict[str, NDArray[Any]], opset: dict[str, int]
) -> list[NDArray[Any]] | None:
    """What a node gives, where only constants enter it; else None."""
    has_body = any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for a in node.attribute)
    if has_body or node.op_type in _NEVER_CONSTANT or any(name and name not in constants for name in node.input):
        return None
    inputs = [name for name in node.input if name]
    used = [helper.make_tensor_value_info(name, _element_type(constants[name]), None) for name in set(inputs)]
    results = [helper.make_empty_tensor_value_info(name) for name in node.output]
    graph = helper.make_graph([node], "constant", used, results)
    if node.op_type == "DequantizeLinear":  # the same since opset 13, but the evaluator knows it from 19 on
        opset = {**opset, "": max(opset.get("", 1), 19)}
    opsets = [helper.make_opsetid(domain, version) for domain, version in opset.items()]
    evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))
    values = [np.asarray(value) for value in evaluator.run(None, {name: constants[name] for name in inputs})]
    return None if sum(value.size for value in values) > _LARGEST_CONSTANT else values


def cast_bytes_first(model: onnx.ModelProto) -> None:
    """Casts every input of bytes to float32 at once, in place; casts that come later find nothing left to do."""
    graph = model.graph
    casts = []
    for graph_input in graph.input:
        if graph_input.type.tensor_type.elem_type != TensorProto.UINT8:
            continue
        name, cast = graph_input.name, f"{graph_input.name}:float32"
        _rename_inputs(graph.node, name, cast)
        casts.append(helper.make_node("Cast", [name], [cast], name=cast, to=TensorProto.FLOAT))
    replace_nodes(graph, [*casts, *graph.node])
    del graph.value_info[:]  # types of before


def fold_affine(model: onnx.ModelProto) -> None:
    """Moves a gain and an offset per channel into the convolution before them, in place.

    Found by shape: a convolution whose only consumer multiplies with a constant of one value per channel, and whose
    only consumer again adds one.
    """
    graph = model.graph
    # nodes are only removed meanwhile: a rebuilt list would leave these references behind
    for convolution in [node for node in graph.node if node.op_type == "Conv"]:
        while _fold_next(graph, convolution):
            pass


def _fold_next(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> bool:
    constants = {i.name: i for i in graph.initializer}
    followers = [node for node in graph.node if convolution.output[0] in node.input]
    if len(followers) != 1 or followers[0].op_type not in ("Mul", "Add") or convolution.input[1] not in constants:
        return False
    if convolution.output[0] in {o.name for o in graph.output}:
        return False
    follower = followers[0]
    other = [name for name in follower.input if name != convolution.output[0]]
    weight = numpy_helper.to_array(constants[convolution.input[1]])
    if len(other) != 1 or other[0] not in constants:
        return False
    value = numpy_helper.to_array(constants[other[0]])
    if value.size not in (1, weight.shape[0]) or not (value.size == 1 or _is_per_channel(value.shape)):
        return False
    per_channel = np.broadcast_to(value.reshape(-1), (weight.shape[0],))
    bias = np.zeros(weight.shape[0], np.float32)
    if len(convolution.input) > 2:
        bias = numpy_helper.to_array(constants[convolution.input[2]])
    if follower.op_type == "Mul":
        weight, bias = weight * per_channel.reshape(-1, *(1,) * (weight.ndim - 1)), bias * per_channel
    else:
        bias = bias + per_channel
    # a weight may be shared, so its new name has the convolution's too; the old one comes first and is found by it
    origin = convolution.input[1].split(":")[0]
    names = [f"{origin}:{convolution.output[0]}:{part}" for part in ("weight", "bias")]
    for name, array in zip(names, (weight, bias), strict=True):
        set_constant(graph, name, array.astype(np.float32))
    inputs = [convolution.input[0], *names]
    del convolution.input[:]
    convolution.input.extend(inputs)
    gone = follower.output[0]
    graph.node.remove(follower)
    _rename_inputs(graph.node, gone, convolution.output[0])
    return True


def _is_per_channel(shape: tuple[int, ...]) -> bool:
    """Whether an array meets (N, C, h, w) with one value per channel."""
    return len(shape) >= 3 and shape[-3] == int(np.prod(shape))


def drop_unused(model: onnx.ModelProto) -> None:
    """Removes nodes and constants that nothing reads, in place."""
    graph = model.graph
    wanted = {output.name for output in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(names_read(node))
    replace_nodes(graph, kept[::-1])
    constants = [i for i in graph.initializer if i.name in wanted]
    last = {i.name: i for i in constants}
    del graph.initializer[:]
    graph.initializer.extend(last.values())
    del graph.value_info[:]


def names_read(node: onnx.NodeProto) -> set[str]:
    """What a node reads, including what the bodies of loops and branches read from outside."""
    names = {name for name in node.input if name}
    for attribute in node.attribute:
        for body in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else []:
            made = {name for inner in body.node for name in inner.output} | {i.name for i in body.input}
            made |= {i.name for i in body.initializer}
            names |= {name for inner in body.node for name in names_read(inner)} - made
            names |= {o.name for o in body.output} - made
    return names


def set_constant(graph: onnx.GraphProto, name: str, value: NDArray[Any]) -> None:
    """Adds an initialiser, or replaces the one of that name."""
    tensor = numpy_helper.from_array(np.asarray(value, order="C"), name)
    for constant in graph.initializer:
        if constant.name == name:
            constant.CopyFrom(tensor)
            return
    graph.initializer.append(tensor)


def replace_nodes(graph: onnx.GraphProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Gives a graph these nodes instead of its own, some of which may be among them."""
    copies = []
    for node in nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copies.append(copy)
    del graph.node[:]
    graph.node.extend(copies)


def element_types(model: onnx.ModelProto) -> dict[str, int]:
    """Element type of every tensor, as far as inference knows it."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    known = [*graph.input, *graph.value_info, *graph.output]
    types = {info.name: info.type.tensor_type.elem_type for info in known}
    return types | {i.name: i.data_type for i in graph.initializer}


def operators(model: onnx.ModelProto) -> Counter[str]:
    """How many nodes of each kind a model holds, loops' bodies not counted."""
    return Counter(node.op_type for node in model.graph.node)


def _rename_inputs(nodes: Iterable[onnx.NodeProto], old: str, new: str) -> None:
    for node in nodes:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new
        for attribute in node.attribute:
            for body in [attribute.g, *attribute.graphs] if attribute.type in (5, 10) else []:
                _rename_inputs(body.node, old, new)


def _element_type(value: NDArray[Any]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(value.dtype))
