"""Turns the body of a flat float32 graph into half precision, with a cast wherever the two meet."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from depth_sr_ros.engines.tensorrt.flat_graph import drop_unused, element_types, names_read, set_constant

_LARGEST_HALF = float(np.finfo(np.float16).max)
# inputs that are float32 whatever the type of the tensor they act on
_FLOAT_INPUTS = {"Resize": (1, 2)}


def to_half(model: onnx.ModelProto, body: set[str]) -> None:
    """Rewrites a flat graph in place; inputs and outputs keep their types.

    Args:
        model: flat float32 graph.
        body: the nodes to rewrite, each named by its first output.

    Raises:
        ValueError: a weight is beyond what half precision holds.
    """
    _HalfBody(model, body).rewrite()
    drop_unused(model)


class _HalfBody:
    """One rewrite: what is half already, and what has been cast on the way."""

    def __init__(self, model: onnx.ModelProto, body: set[str]) -> None:
        self.graph = model.graph
        self.types = element_types(model)
        self.constants = {i.name: i for i in model.graph.initializer}
        self.body = body
        self.half: dict[str, str] = {}
        self.nodes: list[onnx.NodeProto] = []

    def rewrite(self) -> None:
        outside = {output.name for output in self.graph.output}
        for node in self.graph.node:
            if node.output[0] not in self.body and node.op_type != "Shape":
                outside |= names_read(node)
        for node in list(self.graph.node):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            if node.output[0] in self.body:
                self._move(copy, outside)
            else:
                if node.op_type == "Shape":  # a size is the same in every type; a cast only for it would be waste
                    copy.input[0] = self._known_half(copy.input[0])
                self.nodes.append(copy)
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        del self.graph.value_info[:]

    def _move(self, node: onnx.NodeProto, outside: set[str]) -> None:
        fixed = _FLOAT_INPUTS.get(node.op_type, ())
        for index, name in enumerate(node.input):
            if name and index not in fixed and self.types.get(name) == TensorProto.FLOAT:
                node.input[index] = self._as_half(name)
        names = list(node.output)
        for index, name in enumerate(names):
            node.output[index] = self.half[name] = f"{name}:half"
        self.nodes.append(node)
        self.nodes += [
            helper.make_node("Cast", [self.half[name]], [name], name=f"{name}:float", to=TensorProto.FLOAT)
            for name in names
            if name in outside
        ]

    def _as_half(self, name: str) -> str:
        if name not in self.half:
            half = self.half[name] = f"{name}:half"
            if name in self.constants:
                set_constant(self.graph, half, _half_constant(self.constants[name]))
            else:
                self.nodes.append(helper.make_node("Cast", [name], [half], name=half, to=TensorProto.FLOAT16))
        return self.half[name]

    def _known_half(self, name: str) -> str:
        is_moved = name in self.half and name not in self.constants
        return self.half[name] if is_moved else name


def _half_constant(constant: onnx.TensorProto) -> np.ndarray:
    value = numpy_helper.to_array(constant)
    beyond = np.isfinite(value) & (np.abs(value) > _LARGEST_HALF)
    if beyond.any():
        raise ValueError(
            f"{constant.name}: expected values up to {_LARGEST_HALF:.0f} for fp16, found "
            f"{np.abs(value[beyond]).max()}; use fp32"
        )
    return value.astype(np.float16)
