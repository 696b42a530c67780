"""The training run inside a retraining: started or continued, and its loss step by step."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from depth_sr_ros.models import GuidedUpsampler
from depth_sr_ros.models.weights import Storage, rounded
from training.evaluation.network_scores import network_of_recipe
from training.fitting.train import train
from training.recipes.provenance import provenance_of
from training.recipes.recipe import Recipe

LOSSES = "loss.csv"


class LossCurve(Callback):
    """Writes step and loss as CSV, one line a step; a run that is resumed adds to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Adds a line."""
        loss = trainer.callback_metrics.get("loss")
        if isinstance(loss, Tensor):
            with self.path.open("a", newline="") as stream:
                csv.writer(stream).writerow([trainer.global_step, f"{float(loss):.6g}"])


def fine_tune(recipe_path: Path, data: Path, run: Path) -> dict[str, Any]:
    """Trains, or continues training if there is a checkpoint.

    Returns:
        Facts of the run with the SHA-256 of its weights.

    Raises:
        TrainingInterrupted: asked to stop; it has left a checkpoint.
        KeyboardInterrupt: asked twice.
        ValueError: see `training.fitting.train.train`.
    """
    run.mkdir(parents=True, exist_ok=True)
    resume = (run / "last.ckpt").is_file()
    if not resume:
        (run / LOSSES).unlink(missing_ok=True)
    try:
        weights = train(recipe_path, data, run, resume, [LossCurve(run / LOSSES)])
    except SystemExit:  # what Lightning makes of a second Ctrl-C
        raise KeyboardInterrupt from None
    record = provenance_of(weights)
    return record.last | {"sha256": record.weights, "resumed": resume}


def trained_network(recipe: Recipe, run: Path, facts: dict[str, Any], storage: Storage) -> GuidedUpsampler:
    """The trained network with the values that its artifact will store, in evaluation mode.

    Raises:
        FileNotFoundError: the weights are gone.
        ValueError: they are not those that were trained.
    """
    path = run / "weights.safetensors"
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise ValueError(f"{path}: changed since it was trained; remove {run.parent / 'trained.json'} and {run}")
    network = network_of_recipe(recipe, path).deployed()
    network.load_state_dict(rounded(network.state_dict(), storage))
    return network.eval()


def read_losses(run: Path) -> list[tuple[int, float]]:
    """Steps and losses of a run, by step; the latest where a step was done twice, without lines that were cut off."""
    path = run / LOSSES
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        lines = (line.replace("\0", "") for line in stream)  # what a power cut may leave
        found = dict(point for row in csv.reader(lines) if (point := _point(row)) is not None)
    return sorted(found.items())


def _point(row: Sequence[str]) -> tuple[int, float] | None:
    try:
        step, loss = row
        return int(step), float(loss)
    except ValueError:
        return None
