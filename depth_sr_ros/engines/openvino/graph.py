"""What OpenVINO compiles for an artifact at a size, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Precision
from depth_sr_ros.engines.openvino.live_tail import cut_behind_head
from depth_sr_ros.engines.openvino.tail import cut_behind_heads
from depth_sr_ros.frame_graphs import LIVE


def frame_model(core: Any, artifact: Artifact, shapes: Mapping[str, Sequence[int]], precision: Precision) -> Any:
    """The graph at a fixed size, cut behind its heads where the tail outside of it fits.

    Args:
        core: OpenVINO's.
        artifact: what to run.
        shapes: of the inputs, by name.
        precision: of the network body.
    """
    model = core.read_model(artifact.int8_graph if precision == "int8" else artifact.graph)
    model.reshape({name: list(shape) for name, shape in shapes.items()})
    half = _hint(core, precision) == "bf16"
    if artifact.card.form is LIVE:
        return cut_behind_head(model, half) or model
    return cut_behind_heads(model, artifact.card.options, half) or model


def cpu_settings(core: Any, precision: Precision, threads: int) -> dict[str, Any]:
    """Settings of the CPU plug-in.

    Threads are not pinned: a pinned one waits for whatever else runs on its core, and the others wait for it, while the
    node's own work could as well have been moved elsewhere. Where an artifact keeps weights of matrix products in 8-bit
    integers, OpenVINO would by default quantise what they are multiplied with, too, whatever the precision asked for.

    Args:
        core: OpenVINO's.
        precision: of the network body.
        threads: to use.
    """
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _hint(core, precision),
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    }


def _hint(core: Any, precision: Precision) -> str:
    """What the graph's floating-point parts run in; beside 8-bit integers that is the faster one there is."""
    if precision == "int8":
        return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    return {"fp32": "f32", "bf16": "bf16"}[precision]
