"""Puts 8-bit integers around the convolutions of a flat graph, in the form that TensorRT recognises.

Every chosen convolution gets QuantizeLinear and DequantizeLinear before it, symmetric, with one step for the whole
activation, and its weights as stored bytes with one step per output channel. Biases stay numbers: TensorRT rejects
integers there. What a step means is decided by `largest_values` on calibration frames.

First layers and heads stay as they are: the pixels that enter have few channels and need their digits, and what the
last convolution says goes straight into kernels, offsets or depth. So do the parts that the artifact's card names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from depth_sr_ros.engines.tensorrt.body import PRODUCTS
from depth_sr_ros.engines.tensorrt.flat_graph import names_read, replace_nodes, set_constant

OPSET = 19
"""From this opset on, quantisation knows half precision; it is below 20, where GridSample would be sampled nearest."""

_NETWORK = "network"
"""What the frame graph calls its network, in the names of weights."""

_STEPS = 127
# smallest step: half precision has no smaller ones of full accuracy
_SMALLEST_STEP = float(np.finfo(np.float16).tiny)


def convolutions_to_quantise(model: onnx.ModelProto, body: set[str], half_parts: Sequence[str] = ()) -> list[str]:
    """Convolutions between two other products of the body, each named by its output.

    Args:
        model: as `flat_graph` gives it, which names weights as the network does.
        body: what is computed in half precision.
        half_parts: patterns of names of the network's parts whose convolutions are left out.
    """
    producers = {name: node for node in model.graph.node for name in node.output}
    constants = {i.name for i in model.graph.initializer}
    inner = _feeding_products(model)
    return [
        node.output[0]
        for node in model.graph.node
        if node.op_type == "Conv" and node.output[0] in body & inner
        and node.input[1] in constants and _reaches_product(node.input[0], producers)
        and not any(_belongs_to(node.input[1], part) for part in half_parts)
    ]  # fmt: skip


def _belongs_to(weight: str, part: str) -> bool:
    return fnmatchcase(weight, f"{_NETWORK}.{part}.*")


def _feeding_products(model: onnx.ModelProto) -> set[str]:
    """Everything that a product depends on."""
    found: set[str] = set()
    for node in reversed(model.graph.node):
        if node.op_type not in ("Shape", "Size") and (node.op_type in PRODUCTS or found.intersection(node.output)):
            found |= names_read(node)
    return found


def _reaches_product(name: str, producers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether a tensor depends on a product."""
    waiting, seen = [name], set()
    while waiting:
        node = producers.get(waiting.pop())
        if node is None or node.output[0] in seen or node.op_type in ("Shape", "Size"):
            continue
        if node.op_type in PRODUCTS:
            return True
        seen.add(node.output[0])
        waiting += names_read(node)
    return False


def quantise(model: onnx.ModelProto, convolutions: list[str], steps: Mapping[str, float]) -> None:
    """Quantises convolutions of a graph whose body is in half precision already, in place.

    Args:
        model: as `to_half` leaves it.
        convolutions: outputs of the convolutions as they were named before `to_half`.
        steps: largest absolute value of each convolution's input, by the convolution's output.
    """
    graph = model.graph
    chosen = {f"{name}:half": name for name in convolutions}
    constants = {i.name: i for i in graph.initializer}
    quantised: dict[tuple[str, float], str] = {}
    nodes: list[onnx.NodeProto] = []
    zero = "int8:zero"
    set_constant(graph, zero, np.zeros((), np.int8))
    for node in list(graph.node):
        name = chosen.get(node.output[0])
        if name is not None:
            step = _half_step(steps[name] / _STEPS)
            key = (node.input[0], float(step))
            if key not in quantised:
                quantised[key], added = _activation(graph, node.input[0], step, zero)
                nodes += added
            weight, dequantise = _weight(graph, name, numpy_helper.to_array(constants[node.input[1]]))
            nodes.append(dequantise)
            node.input[0], node.input[1] = quantised[key], weight
        nodes.append(node)
    replace_nodes(graph, nodes)
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx"):
            opset.version = OPSET


def _activation(
    graph: onnx.GraphProto, name: str, step: NDArray[np.float16], zero: str
) -> tuple[str, list[onnx.NodeProto]]:
    base = f"{name}:int8:{float(step):.4g}"
    set_constant(graph, f"{base}:step", step.reshape(()))
    return f"{base}:value", [
        helper.make_node("QuantizeLinear", [name, f"{base}:step", zero], [base], name=base),
        helper.make_node("DequantizeLinear", [base, f"{base}:step", zero], [f"{base}:value"], name=f"{base}:value"),
    ]


def _weight(graph: onnx.GraphProto, name: str, weight: NDArray[np.float16]) -> tuple[str, onnx.NodeProto]:
    base = f"{name}:weight:int8"
    exact = weight.astype(np.float32)
    step = _half_step(np.abs(exact).max(axis=tuple(range(1, weight.ndim))) / _STEPS)
    by_channel = step.astype(np.float32).reshape(-1, *(1,) * (weight.ndim - 1))
    set_constant(graph, base, np.clip(np.rint(exact / by_channel), -_STEPS, _STEPS).astype(np.int8))
    set_constant(graph, f"{base}:step", step)
    set_constant(graph, f"{base}:zero", np.zeros(weight.shape[0], np.int8))
    inputs = [base, f"{base}:step", f"{base}:zero"]
    return f"{base}:value", helper.make_node(
        "DequantizeLinear", inputs, [f"{base}:value"], name=f"{base}:value", axis=0
    )


def _half_step(step: NDArray[np.floating] | float) -> NDArray[np.float16]:
    """The next step that half precision holds, upwards, so that nothing is clipped."""
    wanted = np.maximum(np.asarray(step, np.float32), _SMALLEST_STEP)
    half = wanted.astype(np.float16)
    return np.where(half.astype(np.float32) < wanted, np.nextafter(half, np.float16(np.inf)), half).astype(np.float16)
