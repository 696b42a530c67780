"""The training run of live weights inside a retraining: started or continued."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models import LiveNetwork, create_live_model
from depth_sr_ros.models.weights import Storage, rounded, save_weights
from training.fitting.live.loader import loader_of
from training.fitting.live.module import LiveTraining
from training.fitting.live.train import live_step_to_resume, live_trainer
from training.fitting.run_folder import machine
from training.networks.loading import load_into
from training.recipes.live_recipe import LiveRecipe
from training.recipes.provenance import continued, provenance_of
from training.retraining.fine_tune import LOSSES, LossCurve
from training.retraining.live.recipe import NAME

_WEIGHTS = "weights.safetensors"


def live_network_of(artifact: Artifact) -> LiveNetwork:
    """The network of an artifact with its weights, in evaluation mode. Raises ValueError for damaged weights."""
    network = create_live_model(artifact.card.model, **artifact.card.options)
    load_into(network, artifact.weights, artifact.card.model)
    return network.eval()


def fine_tune_live(
    recipe: LiveRecipe, start: Artifact, crops: Dataset[dict[str, Tensor]], run: Path, data: bool
) -> dict[str, Any]:
    """Trains, or continues training if there is a checkpoint; keeps the average of the last weights.

    Args:
        recipe: how.
        start: weights to begin with.
        crops: by number.
        run: receives checkpoint, loss and weights with their provenance.
        data: whether the crops are of a data folder, too; for the record.

    Returns:
        Facts of the run with the SHA-256 of its weights.

    Raises:
        TrainingInterrupted: asked to stop; it has left a checkpoint.
        KeyboardInterrupt: asked twice.
        ValueError: a checkpoint of other settings, or losses that are not finite.
    """
    run.mkdir(parents=True, exist_ok=True)
    last = run / "last.ckpt"
    resume = last.is_file()
    first_step = live_step_to_resume(last, recipe) if resume else 0
    if not resume:
        (run / LOSSES).unlink(missing_ok=True)
    lightning.seed_everything(recipe.seed, verbose=False)
    module = LiveTraining(recipe)
    if not resume:
        load_into(module.network, start.weights, recipe.model)
    trainer = live_trainer(recipe, run, [LossCurve(run / LOSSES)])
    try:
        trainer.fit(
            module,
            train_dataloaders=loader_of(crops, recipe, first_step),
            val_dataloaders=DataLoader(torch.zeros(1)),  # type: ignore[arg-type]
            ckpt_path=str(last) if resume else None,
        )
    except SystemExit:  # what Lightning makes of a second Ctrl-C
        raise KeyboardInterrupt from None
    return _kept(module, recipe, start, run, data) | {"resumed": resume}


def _kept(module: LiveTraining, recipe: LiveRecipe, start: Artifact, run: Path, data: bool) -> dict[str, Any]:
    state = {name: value.detach().cpu().contiguous() for name, value in module.network.state_dict().items()}
    save_weights(state, run / _WEIGHTS)
    settings = replace(recipe, start_from=None).as_text()
    facts = {
        "recipe": NAME,
        "steps": int(module.global_step),
        "minutes": round(module.minutes, 1),
        "machine": machine(),
        "data": ["recordings", *(["manifest train", "manifest synthetic"] if data else []), "procedural"],
        "settings": {key: value for key, value in settings.items() if value not in (None, {}, [], "")},
    }
    record = continued([provenance_of(start.weights)], "train", NAME, facts, run / _WEIGHTS)
    record.write(run)
    return record.last | {"sha256": record.weights}


def trained_live_network(recipe: LiveRecipe, run: Path, facts: Mapping[str, Any], storage: Storage) -> LiveNetwork:
    """The trained network with the values that its artifact will store, in evaluation mode.

    Raises:
        FileNotFoundError: the weights are gone.
        ValueError: they are not those that were trained.
    """
    path = run / _WEIGHTS
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise ValueError(f"{path}: changed since it was trained; remove {run.parent / 'trained.json'} and {run}")
    network = create_live_model(recipe.model, **recipe.model_options)
    load_into(network, path, recipe.model)
    served = network.deployed()
    served.load_state_dict(rounded(served.state_dict(), storage))
    return served.eval()
