"""How much memory a graph's activations need at one size, if each is kept from its making to its last use."""

from collections import Counter

import numpy as np
import onnx
from onnx import helper, numpy_helper

from depth_sr_ros.engines.tensorrt.flat_graph import drop_unused, fold_constants, names_read

# these give their input another shape or a part of it; engines let the result lie where the input lies
_VIEWS = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}


def at_fixed_size(model, shapes):
    """A copy with fixed input shapes, in which everything that depended on sizes only has become a constant."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for graph_input in fixed.graph.input:
        dims = graph_input.type.tensor_type.shape.dim
        for dim, size in zip(dims, shapes[graph_input.name], strict=True):
            dim.Clear()
            dim.dim_value = size
    for output in fixed.graph.output:
        output.type.tensor_type.ClearField("shape")
    while True:
        del fixed.graph.value_info[:]
        known = shapes_of(onnx.shape_inference.infer_shapes(fixed, data_prop=True))
        sizes = [n for n in fixed.graph.node if n.op_type == "Shape" and n.input[0] in known]
        if not sizes:
            drop_unused(fixed)
            return fixed
        for node in sizes:
            shape = known[node.input[0]]
            attributes = {a.name: a.i for a in node.attribute}
            part = shape[attributes.get("start", 0) : attributes.get("end", len(shape))]
            fixed.graph.initializer.append(numpy_helper.from_array(np.array(part, np.int64), node.output[0]))
            fixed.graph.node.remove(node)
        fold_constants(fixed)


def shapes_of(model):
    """Shapes of all tensors that are wholly known."""
    graph = model.graph
    shapes = {}
    for info in [*graph.input, *graph.value_info, *graph.output]:
        if info.type.tensor_type.HasField("shape"):
            dims = info.type.tensor_type.shape.dim
            if all(dim.HasField("dim_value") for dim in dims):
                shapes[info.name] = tuple(dim.dim_value for dim in dims)
    return shapes


def peak_activation_bytes(model, shapes):
    """Largest sum of activations alive at once, run in the graph's own order, and the node where it is reached."""
    fixed = at_fixed_size(model, shapes)
    inferred = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    known, graph = shapes_of(inferred), inferred.graph
    types = {i.name: i.type.tensor_type.elem_type for i in [*graph.input, *graph.value_info, *graph.output]}
    unknown = [name for node in graph.node for name in node.output if name not in known]
    assert not unknown, f"{len(unknown)} tensors of unknown shape, first {unknown[0]}"
    owner = {}
    uses = Counter(output.name for output in graph.output)
    for node in graph.node:
        if node.op_type in _VIEWS:
            owner[node.output[0]] = owner.get(node.input[0], node.input[0])
        uses.update(owner.get(name, name) for name in names_read(node))

    def size(name):
        return int(np.prod(known[name])) * helper.tensor_dtype_to_np_dtype(types[name]).itemsize

    alive = {i.name: size(i.name) for i in graph.input}
    peak, where = 0, ""
    for node in graph.node:
        if node.op_type not in _VIEWS:
            alive.update((name, size(name)) for name in node.output)
        now = sum(alive.values())
        if now > peak:
            peak, where = now, f"{node.op_type} {node.output[0]} {known[node.output[0]]}"
        for name in names_read(node):
            held = owner.get(name, name)
            uses[held] -= 1
            if uses[held] == 0:
                alive.pop(held, None)
    return peak, where
