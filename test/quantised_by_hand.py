"""A quantised graph made without nncf: ranges of the convolutions' inputs, and OpenVINO's operation for rounding.

What nncf makes differs in how it finds ranges and in how it keeps weights; the engine treats both alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from openvino import opset13

from depth_sr_ros.artifact import INT8, PRECISION_ERROR, Artifact, write_artifact
from depth_sr_ros.engines.base import Arrays
from depth_sr_ros.engines.openvino.core import openvino_core
from depth_sr_ros.engines.openvino.int8 import quantise_before_joining

_EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


def quantised_artifact(artifact: Artifact, frames: Sequence[Arrays], folder: Path, cost: float | None = 0.0):
    """The artifact with all convolutions in 8-bit integers; its card says that this adds `cost` to the error."""
    folder.mkdir(parents=True, exist_ok=True)
    ranges = _ranges(artifact.graph, frames)
    model = openvino_core().read_model(artifact.graph)
    made: dict[str, Any] = {}
    for node in _convolutions(model):
        name = node.input_value(0).get_node().get_friendly_name()
        if name not in made:
            made[name] = _rounded(node.input_value(0), *ranges[name], 256)
        node.input(0).replace_source_output(made[name])
        weight = _constant(node.input_value(1))
        largest = np.abs(weight).max(axis=tuple(range(1, weight.ndim)), keepdims=True)
        stored = _rounded(opset13.constant(weight).output(0), -largest, largest, 255)
        node.input(1).replace_source_output(stored)
    model.validate_nodes_and_infer_types()
    quantise_before_joining(model)
    paths = [folder / name for name in INT8]
    openvino.save_model(model, str(paths[0]), compress_to_fp16=False)
    card = artifact.card if cost is None else replace(artifact.card, evaluation=errors_with(int8=cost))
    return write_artifact(folder / "artifact", card, artifact.graph, artifact.weights, artifact.fixture(), paths)


def errors_with(**costs: float) -> dict[str, Any]:
    """An evaluation whose errors are above those of fp32 by these shares, by precision."""
    table = {name: {"mae_mm": 10 * (1 + cost), "edges_mm": 40.0} for name, cost in {"fp32": 0.0, **costs}.items()}
    return {PRECISION_ERROR: table}


def _convolutions(model: Any) -> list[Any]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]


def _constant(value: Any) -> np.ndarray:
    """A weight, which may be stored in half precision."""
    model = openvino.Model([opset13.result(value)], [], "weight")
    return np.array(openvino_core().compile_model(model, "CPU", _EXACT)({})[0], np.float32)


def _rounded(value: Any, low: Any, high: Any, levels: int) -> Any:
    limits = [np.asarray(limit, np.float32) for limit in (low, high, low, high)]
    return opset13.fake_quantize(value, *limits, levels).output(0)


def _ranges(graph: Path, frames: Sequence[Arrays]) -> dict[str, tuple[float, float]]:
    model = openvino_core().read_model(graph)
    inputs = {n.input_value(0).get_node().get_friendly_name(): n.input_value(0) for n in _convolutions(model)}
    axes = np.arange(4)
    results = [
        opset13.result(reduce(value, axes, False))
        for value in inputs.values()
        for reduce in (opset13.reduce_min, opset13.reduce_max)
    ]
    compiled = openvino_core().compile_model(openvino.Model(results, model.get_parameters(), "ranges"), "CPU", _EXACT)
    found = np.array([[float(value) for value in compiled(frame).to_tuple()] for frame in frames])
    low, high = np.minimum(found.min(axis=0)[::2], 0), np.maximum(found.max(axis=0)[1::2], 0)
    top = np.maximum(-low, high)
    low, high = np.where(low < 0, -top * 128 / 127, 0), np.where(low < 0, top, high)
    return {name: (float(a), float(b)) for name, a, b in zip(inputs, low, high, strict=True)}
