"""Lets an ONNX graph read its weights from the safetensors file beside it, so that an artifact holds them once.

A safetensors file is a length, a JSON header and raw little-endian tensors: exactly what ONNX calls external data, a
file name with offset and length. Half-precision tensors pass a Cast, bytes a DequantizeLinear; runtimes fold both when
they load the graph.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from depth_sr_ros.models.weights import SCALE_SUFFIX

_ONNX_TYPES = {"F32": TensorProto.FLOAT, "F16": TensorProto.FLOAT16, "I8": TensorProto.INT8}


def share_weights(proto: onnx.ModelProto, state: Mapping[str, Tensor], weights: Path, prefix: str = "network.") -> int:
    """Replaces a graph's weights by references into a safetensors file, in place.

    An initialiser is replaced where its name, without `prefix`, is in `state` and its value is the same; everything
    else (constants that the exporter computed) stays in the graph.

    Args:
        proto: exported graph.
        state: the weights that were exported, as `load_weights` gives them.
        weights: the file; the graph must lie in the same folder.
        prefix: what the exporter put before the names.

    Returns:
        Bytes of weights that are still inside the graph.
    """
    header, begin = _header(weights)
    kept: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    for initialiser in proto.graph.initializer:
        name = initialiser.name.removeprefix(prefix)
        if name not in state or not _same(initialiser, state[name]):
            kept.append(initialiser)
            continue
        references, node = _reference(initialiser.name, name, header, begin, weights.name)
        kept += references
        nodes += node
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    body = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend([*nodes, *body])
    return sum(len(i.raw_data) for i in kept)


def _header(weights: Path) -> tuple[dict[str, Any], int]:
    with weights.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        return json.loads(stream.read(length)), 8 + length


def _same(initialiser: TensorProto, tensor: Tensor) -> bool:
    if tuple(initialiser.dims) != tuple(tensor.shape) or initialiser.data_type != TensorProto.FLOAT:
        return False
    return torch.equal(torch.from_numpy(onnx.numpy_helper.to_array(initialiser).copy()), tensor.float())


def _reference(
    full_name: str, name: str, header: Mapping[str, Any], begin: int, file: str
) -> tuple[list[TensorProto], list[onnx.NodeProto]]:
    kind = header[name]["dtype"]
    if kind == "F32":
        return [_external(full_name, header[name], begin, file)], []
    stored = _external(f"{full_name}:stored", header[name], begin, file)
    if kind == "F16":
        return [stored], [helper.make_node("Cast", [stored.name], [full_name], to=TensorProto.FLOAT)]
    scale = _external(full_name + SCALE_SUFFIX, header[name + SCALE_SUFFIX], begin, file)
    return [stored, scale], [helper.make_node("DequantizeLinear", [stored.name, scale.name], [full_name], axis=0)]


def _external(name: str, entry: Mapping[str, Any], begin: int, file: str) -> TensorProto:
    first, last = entry["data_offsets"]
    tensor = TensorProto(name=name, data_type=_ONNX_TYPES[entry["dtype"]], dims=entry["shape"])
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", begin + first), ("length", last - first)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor
