"""How long a step of training and a pixel of evaluation take here, measured with the real network."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from depth_sr_ros.models.export.example_frames import example_frame
from depth_sr_ros.models.export.frame_graph import FrameGraph
from training.evaluation.network_scores import network_of_artifact
from training.fitting.crop_loader import crop_loader, open_source
from training.fitting.module import SuperResolution
from training.recipes.recipe import DataOptions, Recipe
from training.retraining.starting_artifact import Start

_STEPS = 4


class _Clock(Callback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, *args: Any) -> None:
        self.times.append(time.perf_counter())


def seconds_per_step(recipe: Recipe, steps: int = _STEPS) -> float:
    """Median time of a training step on synthetic scenes, without the first step; nothing is written."""
    recipe = replace(recipe, data=DataOptions(procedural=1.0), max_steps=steps + 1, max_minutes=0.0)
    clock = _Clock()
    with _quiet():
        trainer = lightning.Trainer(
            accelerator="auto", devices=1, precision=recipe.precision, max_steps=recipe.max_steps, callbacks=[clock],  # type: ignore[arg-type]
            logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
            limit_val_batches=0, num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(SuperResolution(recipe), crop_loader(recipe, open_source(recipe, Path()), 0))
    return median(after - before for before, after in zip(clock.times, clock.times[1:], strict=False))


@torch.inference_mode()
def seconds_per_pixel(start: Start, repeats: int = 3) -> float:
    """Median time of the frame graph in float32 on a small frame, over its pixels."""
    network = network_of_artifact(start.artifact.folder)
    step = network.size_multiple // math.gcd(network.scale, network.size_multiple)
    rgb, depth = (torch.from_numpy(image) for image in example_frame(network.scale, step))
    graph, spent = FrameGraph(network).eval(), []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        graph(rgb, depth)
        spent.append(time.perf_counter() - began)
    return median(spent[1:]) / (rgb.shape[0] * rgb.shape[1])


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what Lightning says of itself."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
