"""What fewer digits cost a live network: errors of one artifact in every precision that OpenVINO has here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Precision
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.live.hypotheses import for_network
from training.datasets.live.crops import LiveCrop
from training.datasets.live.dev import DevCrop
from training.evaluation.camera_scores import scores

_ORDER: tuple[Precision, ...] = ("fp32", "bf16", "fp16", "int8")


def precision_errors(artifact: Artifact, crops: Sequence[DevCrop], threads: int = 0) -> dict[str, Any]:
    """Errors as an artifact's card keeps them, see `depth_sr_ros.artifact.PRECISION_ERROR`.

    Args:
        artifact: of the live frame graph.
        crops: with their truth.
        threads: of the engine; 0 leaves it to that.

    Returns:
        By precision `mae_mm` and `edges_mm`, means over the crops, and `relative`, the same over those of fp32; how
        many `crops`.

    Raises:
        ValueError: no crops.
        EngineError: an engine cannot be built.
    """
    if not crops:
        raise ValueError("errors by precision: expected at least one crop, found none")
    offered: tuple[Precision, ...] = OpenVinoEngine.precisions_of(artifact)
    found = {name: _errors(artifact, crops, name, threads) for name in sorted(offered, key=_ORDER.index)}
    exact = found["fp32"]
    table: dict[str, Any] = {
        name: {**errors, "relative": {measure: value / exact[measure] for measure, value in errors.items()}}
        for name, errors in found.items()
    }
    return {**table, "crops": len(crops)}


def engine_inputs(crop: LiveCrop) -> Arrays:
    """What an engine is given for a crop."""
    r = for_network(crop.registered, crop.smooth)
    images = {"start": r.start, "near": r.near, "far": r.far, "quality": r.quality}
    rgb = np.round(crop.guide * 255).astype(np.uint8)
    return {name: np.ascontiguousarray(image) for name, image in {"rgb": rgb, **images}.items()}


def _errors(artifact: Artifact, crops: Sequence[DevCrop], precision: Precision, threads: int) -> dict[str, float]:
    grid = crops[0].crop.truth.shape
    with OpenVinoEngine(artifact, (int(grid[0]), int(grid[1])), precision, threads) as engine:
        own = [scores(engine.infer(engine_inputs(one.crop))["depth_hr"], one.crop.truth) for one in crops]
    return {"mae_mm": float(np.nanmean([s.mae for s in own])), "edges_mm": float(np.nanmean([s.edges for s in own]))}
