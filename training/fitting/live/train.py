"""Runs a live recipe: `python -m training train --recipe fdkn_live --data FOLDER --out FOLDER`.

A run may be stopped at any moment and goes on from `OUT/last.ckpt` with `--resume`; with another `--max-steps` its
learning rate comes down to that step. `OUT/weights.safetensors` are the best so far at all times.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from depth_sr_ros.models.weights import load_weights
from training.datasets.live.dev import dev_crops
from training.fitting.checkpoints import KeepLast, refuse_to_overwrite
from training.fitting.live.keep_best import KeepBest
from training.fitting.live.loader import live_crop_loader
from training.fitting.live.module import LiveTraining
from training.fitting.live.validation import LiveEvaluation
from training.fitting.start_weights import named_weights
from training.recipes.live_recipe import LiveRecipe, load_live_recipe
from training.recipes.names import RecipeFile

# settings that may change on the way
_FREE = {"max_steps", "max_minutes", "evaluate_every", "checkpoint_every", "workers", "start_from"}


def train_live(
    file: RecipeFile,
    data: Path,
    out: Path,
    resume: bool = False,
    start_from: Path | None = None,
    max_steps: int = 0,
    callbacks: Sequence[Callback] = (),
) -> Path:
    """Trains a live network and keeps the weights that did best on dev.

    Args:
        file: the recipe's.
        data: folder with a manifest.
        out: receives checkpoints, logs, `validation.txt` and `weights.safetensors` with `provenance.json`.
        resume: go on where `out/last.ckpt` was written.
        start_from: weights to begin with instead of the recipe's.
        max_steps: instead of the recipe's; 0 keeps those.
        callbacks: further ones that watch the run.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: data, checkpoint or the weights to begin with are missing.
        ValueError: settings that do not fit the network or the checkpoint, or a checkpoint that would be replaced.
        TrainingInterrupted: the run was asked to stop; it has left a checkpoint.
    """
    recipe = load_live_recipe(file)
    recipe = replace(recipe, max_steps=max_steps or recipe.max_steps)
    last = out / "last.ckpt"
    if not resume:
        refuse_to_overwrite(last)
    first_step = live_step_to_resume(last, recipe) if resume else 0
    out.mkdir(parents=True, exist_ok=True)
    lightning.seed_everything(recipe.seed, verbose=False)
    evaluation = LiveEvaluation(dev_crops(data, out / "validation.npz"))
    module = LiveTraining(recipe, evaluation, lambda words: _tell(words, out))
    start = start_from or (named_weights(recipe.start_from) if recipe.start_from else None)
    if start is not None and not resume:
        module.network.load_state_dict(load_weights(start))
    best = KeepBest(out, file, [] if start is None or resume else [start])
    torch.set_float32_matmul_precision("high")
    trainer = live_trainer(recipe, out, [*callbacks, best])
    trainer.fit(
        module,
        train_dataloaders=live_crop_loader(recipe, data, first_step),
        val_dataloaders=DataLoader(torch.zeros(1)),  # type: ignore[arg-type]
        ckpt_path=str(last) if resume else None,
    )
    return out / "weights.safetensors"


def live_step_to_resume(path: Path, recipe: LiveRecipe) -> int:
    """Steps done by the run that wrote a checkpoint.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it was written by another recipe; the message names what differs.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: nothing to resume from; remove --resume to start from scratch")
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    then = {**LiveRecipe(model="").as_text(), **json.loads(checkpoint["recipe"])}
    now = recipe.as_text()
    differing = {
        key: (then.get(key), now.get(key))
        for key in sorted(now.keys() | then.keys())
        if key not in _FREE and now.get(key) != then.get(key)
    }
    if differing:
        raise ValueError(f"{path}: belongs to a run with other settings; (then, now): {differing}")
    return int(checkpoint["global_step"])


def _tell(words: str, out: Path) -> None:
    print(words, flush=True)
    with (out / "validation.txt").open("a", encoding="utf-8") as stream:
        stream.write(words + "\n\n")


def live_trainer(recipe: LiveRecipe, out: Path, watchers: Sequence[Callback]) -> lightning.Trainer:
    """The trainer of a live run, which keeps `out/last.ckpt`; `watchers` come before that."""
    keep_last = KeepLast(out / "last.ckpt", recipe.checkpoint_every, recipe.evaluate_every)
    callbacks: list[Callback] = [*watchers, keep_last]
    if recipe.average_weights > 0:
        callbacks.insert(0, EMAWeightAveraging(decay=recipe.average_weights))
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision=recipe.precision,  # type: ignore[arg-type]
        max_steps=recipe.max_steps,
        val_check_interval=recipe.evaluate_every,
        check_val_every_n_epoch=None,
        callbacks=callbacks,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
