"""Measures how large the values inside a graph become on frames, by ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from depth_sr_ros.engines.base import EngineError

Frame = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Colour, uint8 (H, W, 3), and depth, float32 (h, w), metres, 0 where invalid."""

_SUFFIX = ":largest"


def largest_values(model: onnx.ModelProto, names: Iterable[str], frames: Sequence[Frame]) -> dict[str, float]:
    """Largest absolute value of float32 tensors over all frames.

    Args:
        model: a flat float32 graph; not changed.
        names: tensors to look at.
        frames: at least one.

    Raises:
        EngineError: ONNX Runtime is not installed.
    """
    wanted = sorted(set(names))
    measuring = onnx.ModelProto()
    measuring.CopyFrom(model)
    graph = measuring.graph
    for name in wanted:
        # the largest of x and -x: one value leaves the graph, not the tensor
        graph.node.add(op_type="Abs", input=[name], output=[f"{name}:magnitude"])
        graph.node.add(op_type="ReduceMax", input=[f"{name}:magnitude"], output=[name + _SUFFIX]).attribute.append(
            helper.make_attribute("keepdims", 0)
        )
        graph.output.append(helper.make_tensor_value_info(name + _SUFFIX, TensorProto.FLOAT, []))
    largest = dict.fromkeys(wanted, 0.0)
    session = _session(measuring)
    for rgb, depth in frames:
        values = session.run([name + _SUFFIX for name in wanted], {"rgb": rgb, "depth": depth})
        for name, value in zip(wanted, values, strict=True):
            largest[name] = max(largest[name], float(value))
    return largest


def constant_magnitude(constant: onnx.TensorProto) -> float:
    """Largest absolute finite value of an initialiser, 0 where it has none."""
    value = np.abs(numpy_helper.to_array(constant).astype(np.float64))
    return float(np.max(value, initial=0.0, where=np.isfinite(value)))


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
