"""Measures cells of a camera and a scene: all methods on the frame that the one delivers of the other."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bench.cameras.methods import Frame, Method
from bench.cameras.scenes import BenchScene
from depth_sr_ros.cameras.calibration import Calibration
from training.degradation.two_cameras.known_cameras import SensorModel, SweepModel
from training.degradation.two_cameras.simulation import simulate
from training.evaluation.camera_scores import scores

Cell = dict[str, Any]


def frame_of(model: SensorModel | SweepModel, scene: BenchScene) -> Frame:
    """The frame that a camera delivers of a scene; the same at every call."""
    sensor = model.before(scene.camera)
    seed = zlib.crc32(f"{model.title}/{scene.name}".encode())
    raw = simulate(scene.whole(), scene.camera, sensor, np.random.default_rng(seed))
    return Frame(scene.rgb, raw, Calibration(scene.camera, sensor.camera, sensor.depth_to_colour))


def measure_cell(model: SensorModel | SweepModel, scene: BenchScene, methods: Mapping[str, tuple[str, Method]]) -> Cell:
    """Scores of all methods.

    Returns:
        `ratio`, `depth` (width and height of the raw image), `group` of the scene, and per method in `methods` what
        `Scores` holds, `on_driver` (mean absolute error where the driver's depth has a value, millimetres) and `ms`.
        Truth beyond the camera's range is not scored.
    """
    frame = frame_of(model, scene)
    faults = model.faults
    with np.errstate(invalid="ignore"):
        within = (scene.truth >= faults.depth_min) & (scene.truth <= faults.depth_max)
    truth = np.where(within, scene.truth, np.float32(np.nan))
    arrived = np.isfinite(frame.driver_aligned)
    height, width = frame.raw.shape
    cell: Cell = {"ratio": model.ratio, "depth": [width, height], "group": scene.group, "methods": {}}
    for name, (_, method) in methods.items():
        began = time.perf_counter()
        depth = method(frame)
        took = time.perf_counter() - began
        known = {**asdict(scores(depth, truth)), "on_driver": scores(depth, truth, arrived).mae}
        cell["methods"][name] = {key: round(value, 5) for key, value in known.items()} | {"ms": round(1e3 * took, 1)}
    return cell
