"""Measures how large the values inside a graph become on frames, by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from depth_sr_ros.engines.base import Arrays, EngineError
from depth_sr_ros.engines.tensorrt.flat_graph import set_constant

_SUFFIX, _AXES = ":largest", "largest:axes"


def largest_values(model: onnx.ModelProto, names: Iterable[str], frames: Sequence[Arrays]) -> dict[str, float]:
    """Largest absolute value of float32 tensors over all frames.

    Args:
        model: a flat float32 graph; not changed.
        names: tensors to look at.
        frames: inputs of the frame graph, at least one.

    Raises:
        EngineError: ONNX Runtime is not installed.
    """
    return {name: float(value) for name, value in _largest(model, names, frames, None).items()}


def largest_by_channel(
    model: onnx.ModelProto, names: Iterable[str], frames: Sequence[Arrays]
) -> dict[str, NDArray[np.float32]]:
    """Largest absolute value of each channel, (C,), of float32 tensors (B, C, h, w), over all frames.

    Arguments and errors are those of `largest_values`.
    """
    return _largest(model, names, frames, (0, 2, 3))


def _largest(
    model: onnx.ModelProto, names: Iterable[str], frames: Sequence[Arrays], axes: tuple[int, ...] | None
) -> dict[str, NDArray[np.float32]]:
    wanted = sorted(set(names))
    measuring = onnx.ModelProto()
    measuring.CopyFrom(model)
    graph = measuring.graph
    over = [] if axes is None else [_AXES]
    if axes is not None:
        set_constant(graph, _AXES, np.array(axes, np.int64))
    for name in wanted:
        # the largest of x and -x: a few values leave the graph, not the tensor
        graph.node.add(op_type="Abs", input=[name], output=[f"{name}:magnitude"])
        inputs, output = [f"{name}:magnitude", *over], name + _SUFFIX
        graph.node.append(helper.make_node("ReduceMax", inputs, [output], keepdims=0))
        graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    session = _session(measuring)
    largest: dict[str, NDArray[np.float32]] = {}
    for frame in frames:
        values = session.run([name + _SUFFIX for name in wanted], frame)
        for name, value in zip(wanted, values, strict=True):
            largest[name] = np.maximum(largest.get(name, np.float32(0)), value)
    return largest


def _session(model: onnx.ModelProto):  # type: ignore[no-untyped-def]
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            f"reduced precision needs ONNX Runtime to measure value ranges, found none ({error}); "
            "pip install onnxruntime, or choose precision fp32"
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
