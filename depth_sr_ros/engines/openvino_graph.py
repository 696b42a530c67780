"""What OpenVINO compiles for an artifact at a size, and with which settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Precision
from depth_sr_ros.engines.openvino_tail import cut_behind_heads

_HINTS = {"fp32": "f32", "bf16": "bf16"}


def frame_model(core: Any, artifact: Artifact, shapes: Mapping[str, Sequence[int]], precision: Precision) -> Any:
    """The graph at a fixed size, cut behind its heads where the tail outside of it fits.

    Args:
        core: OpenVINO's.
        artifact: what to run.
        shapes: of the inputs, by name.
        precision: of the network body.
    """
    model = core.read_model(artifact.graph)
    model.reshape({name: list(shape) for name, shape in shapes.items()})
    return cut_behind_heads(model, artifact.card.options, half=precision != "fp32") or model


def cpu_settings(precision: Precision, threads: int) -> dict[str, Any]:
    """Settings of the CPU plug-in.

    Threads are not pinned: a pinned one waits for whatever else runs on its core, and the others wait for it, while the
    node's own work could as well have been moved elsewhere.

    Args:
        precision: of the network body.
        threads: to use.
    """
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
