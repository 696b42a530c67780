"""Finds the part of a graph that may run in reduced precision, by what feeds what, never by names.

The body lies between the network's products (convolutions, matrix products): a node belongs to it that is such a
product itself, or lies on a path from one to another. So everything before the first product stays float32 (units,
validity, normalisation, start image, mean subtraction of the input) and so does everything behind the last one
(products of kernels, mean subtraction, coordinates, sampling, residual sum, the way back to metres). Inside the body
stay float32:

* what sums over many values or divides (`SENSITIVE`): means, norms, softmax, which lose digits or overflow in half
  precision;
* differences of what comes from those, since little may be left of two values that are nearly the same;
* what compares or computes with a single number that half precision cannot hold, such as the floor of a divisor;
* products that see no pixel, such as those of coordinates with weights;
* products that an iteration reads directly: a diffusion that runs for hundreds of steps magnifies what they lack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from depth_sr_ros.engines.tensorrt.flat_graph import element_types, names_read

PRODUCTS = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})

SENSITIVE = frozenset(
    {
        "ReduceMean", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp",
        "GlobalAveragePool", "Softmax", "LogSoftmax", "LayerNormalization", "InstanceNormalization",
        "BatchNormalization", "GroupNormalization", "LpNormalization", "Div", "Reciprocal", "Exp", "Log", "Pow",
        "Sqrt", "CumSum", "GridSample",
    }
)  # fmt: skip

HEADROOM = 16
"""How many times larger than on the frames looked at a value may become before half precision cannot hold it."""

# these see sizes or indices, or turn one type into another; their types are not the body's business
_OTHERS = frozenset({"Shape", "Size", "Cast", "Range", "ConstantOfShape", "Loop", "If", "Scan", "Constant"})
_ITERATIONS = frozenset({"Loop", "Scan"})


def reduced_body(model: onnx.ModelProto) -> set[str]:
    """Nodes that may run in reduced precision, each named by its first output."""
    nodes = list(model.graph.node)
    types = element_types(model)
    pixels = _closure(nodes, {i.name for i in model.graph.input})
    products = [n for n in nodes if n.op_type in PRODUCTS and pixels.intersection(n.input)]
    behind = _closure(nodes, {n.output[0] for n in products})
    before = _ancestors(nodes, {name for n in products for name in n.input})
    held = _read_by_iterations(nodes) | _with_unholdable_number(model) | _differences_of_sensitive(nodes)
    body = set()
    for node in nodes:
        name = node.output[0]
        if node.op_type in SENSITIVE | _OTHERS or types.get(name) != TensorProto.FLOAT or name in held:
            continue
        is_product = node.op_type in PRODUCTS and bool(pixels.intersection(node.input))
        if is_product or (name in behind and name in before and node.op_type not in PRODUCTS):
            body.add(name)
    return body


def tensors_of(model: onnx.ModelProto, body: set[str]) -> set[str]:
    """The float32 tensors, constants aside, that nodes of the body read or write."""
    types, constants = element_types(model), {i.name for i in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.output[0] in body]
    names = {name for node in nodes for name in (*node.input, *node.output) if name}
    return {name for name in names - constants if types.get(name) == TensorProto.FLOAT}


def without_large(model: onnx.ModelProto, body: set[str], largest: Mapping[str, float]) -> set[str]:
    """The body without nodes that read or write values too large for half precision.

    Some networks are trained into values of millions before a tanh bounds them (DAGF does); in half precision these
    would be infinite, and their quotients no numbers.

    Args:
        model: the graph.
        body: as `reduced_body` gives it.
        largest: largest absolute value by tensor, as measured.
    """
    limit = float(np.finfo(np.float16).max) / HEADROOM
    large = {name for name, value in largest.items() if not value <= limit}
    return {n.output[0] for n in model.graph.node if n.output[0] in body and not large & {*n.input, *n.output}}


def _differences_of_sensitive(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """Subtractions both of whose operands come from `SENSITIVE` nodes."""
    sensitive = {name for node in nodes if node.op_type in SENSITIVE for name in node.output}
    return {node.output[0] for node in nodes if node.op_type == "Sub" and sensitive.issuperset(node.input)}


def _with_unholdable_number(model: onnx.ModelProto) -> set[str]:
    """Nodes with a constant of one value that half precision turns into zero, infinity or a few digits."""
    numbers = (i for i in model.graph.initializer if i.data_type == TensorProto.FLOAT and np.prod(i.dims) == 1)
    lost = {i.name for i in numbers if not _holds(float(numpy_helper.to_array(i).reshape(())))}
    return {node.output[0] for node in model.graph.node if lost.intersection(node.input)}


def _holds(number: float) -> bool:
    half = np.finfo(np.float16)
    return number == 0 or float(half.tiny) <= abs(number) <= float(half.max)


def _closure(nodes: Iterable[onnx.NodeProto], names: set[str]) -> set[str]:
    """Everything whose value depends on the named tensors; what depends on their size only does not count."""
    found = set(names)
    for node in nodes:
        if node.op_type not in ("Shape", "Size") and found & names_read(node):
            found.update(node.output)
    return found


def _ancestors(nodes: Iterable[onnx.NodeProto], names: set[str]) -> set[str]:
    """Everything on whose value the named tensors depend."""
    found = set(names)
    for node in reversed(list(nodes)):
        if node.op_type not in ("Shape", "Size") and found.intersection(node.output):
            found |= names_read(node)
    return found


def _read_by_iterations(nodes: list[onnx.NodeProto]) -> set[str]:
    """What iterations depend on, back to the nearest products, these included."""
    found = {name for node in nodes if node.op_type in _ITERATIONS for name in names_read(node)}
    for node in reversed(nodes):
        if found.intersection(node.output) and node.op_type not in PRODUCTS and node.op_type not in ("Shape", "Size"):
            found |= names_read(node)
    return found
