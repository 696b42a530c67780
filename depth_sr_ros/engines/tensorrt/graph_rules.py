"""Operators that inference engines reject, or silently take for something else.

Facts by TensorRT 10, 11 and RTX; a graph that keeps these rules also runs in OpenVINO and ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx
from onnx import AttributeProto, TensorProto

FIRST_UNSAFE_OPSET = 20
"""From here on GridSample's `bilinear` is called `linear`; TensorRT's parser does not know the word and samples
nearest, without a warning."""


@dataclass(frozen=True)
class Finding:
    """A node that breaks a rule.

    Attributes:
        operator: its kind.
        node: its first output.
        reason: why it is not allowed.
    """

    operator: str
    node: str
    reason: str

    def __str__(self) -> str:
        return f"{self.operator} ({self.node}): {self.reason}"


_REJECTED = {
    "Col2Im": "no engine but ONNX Runtime has it",
    "DeformConv": "OpenVINO and TensorRT-RTX lack it",
    "Unique": "the size of its result is not known before it runs",
    "NonZero": "the size of its result is not known before it runs",
    "Compress": "the size of its result is not known before it runs",
    "StringNormalizer": "not about numbers",
    "SequenceConstruct": "TensorRT has no sequences",
    "SequenceEmpty": "TensorRT has no sequences",
    "SequenceInsert": "TensorRT has no sequences",
    "SplitToSequence": "TensorRT has no sequences",
    "Optional": "TensorRT has no optionals",
    "Bernoulli": "random numbers",
    "Multinomial": "random numbers",
    "RandomNormal": "random numbers",
    "RandomNormalLike": "random numbers",
    "RandomUniform": "random numbers",
    "RandomUniformLike": "random numbers",
}


def rejected_operators(model: onnx.ModelProto) -> list[Finding]:
    """Lists what breaks a rule in a graph, bodies of loops and branches included; empty for a good graph."""
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)
    types = _element_types(model)
    findings = []
    for node in _nodes(model.graph):
        reason = _reason(node, opset, types)
        if reason:
            findings.append(Finding(node.op_type, node.output[0], reason))
    return findings


def _reason(node: onnx.NodeProto, opset: int, types: dict[str, int]) -> str | None:
    if node.domain not in ("", "ai.onnx"):
        return f"domain {node.domain!r} is not ONNX's own"
    if node.op_type in _REJECTED:
        return _REJECTED[node.op_type]
    check = _CHECKS.get(node.op_type)
    return check(node, opset, types) if check else None


def _grid_sample(node: onnx.NodeProto, opset: int, types: dict[str, int]) -> str | None:
    if opset >= FIRST_UNSAFE_OPSET:
        return f"opset {opset}: TensorRT would sample nearest; export with an opset below {FIRST_UNSAFE_OPSET}"
    image, grid = (types.get(name, 0) for name in node.input)
    if image and grid and image != grid:
        return f"image is {_type_name(image)}, grid is {_type_name(grid)}; both must be of one type"
    if TensorProto.FLOAT16 in (image, grid):
        return "coordinates in half precision are up to 0.2 pixels off; keep the grid in float32"
    return None


def _resize(node: onnx.NodeProto, opset: int, types: dict[str, int]) -> str | None:
    if any(a.name == "antialias" and a.i for a in node.attribute):
        return "antialias is not implemented; use a fixed convolution"
    return None


def _dequantise(node: onnx.NodeProto, opset: int, types: dict[str, int]) -> str | None:
    if types.get(node.input[0]) == TensorProto.INT32:
        return "a quantised bias; leave biases in floating point"
    return None


def _same_types(node: onnx.NodeProto, opset: int, types: dict[str, int]) -> str | None:
    found = {types.get(name, 0) for name in node.input if name} - {0}
    if len(found) > 1:
        return f"inputs are {', '.join(sorted(map(_type_name, found)))}; TensorRT converts nothing by itself"
    return None


_CHECKS: dict[str, Callable[[onnx.NodeProto, int, dict[str, int]], str | None]] = {
    "GridSample": _grid_sample,
    "Resize": _resize,
    "DequantizeLinear": _dequantise,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Conv", "ConvTranspose", "MatMul", "Gemm", "Concat"), _same_types),
}


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from _nodes(attribute.g)
            for body in attribute.graphs:
                yield from _nodes(body)


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except onnx.shape_inference.InferenceError:  # operators of another domain: what the graph says itself must do
        graph = model.graph
    types = {i.name: i.data_type for i in graph.initializer}
    return types | {v.name: v.type.tensor_type.elem_type for v in [*graph.input, *graph.value_info, *graph.output]}


def _type_name(element_type: int) -> str:
    return TensorProto.DataType.Name(element_type).lower()
