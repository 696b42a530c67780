"""Runs a recipe: `python -m training train --recipe fdkn_x8 --data FOLDER --out FOLDER`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import safetensors.torch
import torch
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from training.datasets.crops import CropOptions, RandomCrops
from training.datasets.pairs import Pair, PairEntry, load_pair, read_manifest
from training.module import SuperResolution
from training.recipe import DataOptions, Recipe, load_recipe

RECIPES = Path(__file__).parent / "recipes"


def train(recipe_path: Path, data: Path, out: Path, resume: bool = False) -> Path:
    """Trains by a recipe and keeps the weights that did best on dev.

    Args:
        recipe_path: YAML file.
        data: folder with a manifest.
        out: receives checkpoints, logs and `weights.safetensors` with `training.json`.
        resume: go on from `out/last.ckpt`.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: recipe, data or checkpoint is missing.
        ValueError: the recipe does not fit the data.
    """
    recipe = load_recipe(recipe_path)
    lightning.seed_everything(recipe.seed, verbose=False)
    dev = [load_pair(e) for e in read_manifest(data, "dev")]
    module = SuperResolution(recipe, dev)
    if recipe.start_from:
        module.network.load_state_dict(safetensors.torch.load_file(recipe.start_from))
    last = out / "last.ckpt"
    if resume and not last.is_file():
        raise FileNotFoundError(f"{last}: nothing to resume from; leave out --resume to start afresh")
    best = ModelCheckpoint(out, filename="best", monitor="dev_ratio", enable_version_counter=False)
    trainer = _trainer(recipe, out, best)
    torch.set_float32_matmul_precision("high")
    trainer.fit(
        module,
        train_dataloaders=_crops(recipe, data),
        val_dataloaders=DataLoader(torch.zeros(1)),  # type: ignore[arg-type]
        ckpt_path=str(last) if resume else None,
    )
    return _write_weights(module, Path(best.best_model_path), recipe_path, out)


def select_entries(entries: Sequence[PairEntry], options: DataOptions) -> tuple[list[PairEntry], list[float]]:
    """Entries to draw crops from and the chance of each, by the recipe's shares.

    Raises:
        ValueError: a set named in `shares` has no entries.
    """
    seen: Counter[str] = Counter()
    kept: list[PairEntry] = []
    for entry in entries:
        nth = options.every_nth_frame.get(entry.dataset, 1)
        if entry.dataset in options.shares and seen[entry.dataset] % nth == 0:
            kept.append(entry)
        seen[entry.dataset] += 1
    missing = set(options.shares) - set(seen)
    if missing:
        raise ValueError(f"no images of {sorted(missing)} in splits {options.splits}; found {sorted(seen)}")
    count = Counter(e.dataset for e in kept)
    return kept, [options.shares[e.dataset] / count[e.dataset] for e in kept]


def _crops(recipe: Recipe, data: Path) -> DataLoader[dict[str, torch.Tensor]]:
    entries, chance = select_entries(read_manifest(data, *recipe.data.splits), recipe.data)
    pairs: list[Pair] = [load_pair(e) for e in entries]
    c = recipe.crops
    options = CropOptions(
        c.size, recipe.scale, c.enlargements, c.colour_jitter, c.invert, c.reciprocal, c.degradations
    )
    return DataLoader(
        RandomCrops(pairs, chance, options, recipe.seed), recipe.batch_size, num_workers=1, persistent_workers=True
    )


def _trainer(recipe: Recipe, out: Path, best: ModelCheckpoint) -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="auto",
        devices=1,
        precision=recipe.precision,  # type: ignore[arg-type]
        max_steps=recipe.max_steps,
        val_check_interval=recipe.evaluate_every,
        check_val_every_n_epoch=None,
        gradient_clip_val=recipe.optimiser.clip_gradient_norm,
        callbacks=[best, _keep_last(recipe, out), LearningRateMonitor("step"), TQDMProgressBar(refresh_rate=50)],
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        log_every_n_steps=50,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )


def _facts_of(weights: str | None) -> dict[str, Any] | None:
    """Facts of the training that weights come from: beside a run's weights, or on an artifact's card."""
    if weights is None:
        return None
    run, card = Path(weights).parent / "training.json", Path(weights).parent / "card.json"
    if run.is_file():
        facts: dict[str, Any] = json.loads(run.read_text())
        return facts
    return dict(json.loads(card.read_text())["training"]) if card.is_file() else {"weights": weights}


def _keep_last(recipe: Recipe, out: Path) -> ModelCheckpoint:
    """Writes `last.ckpt` at every evaluation, better or not, to resume from."""
    return ModelCheckpoint(
        out, filename="last", every_n_train_steps=recipe.evaluate_every, enable_version_counter=False
    )


def _write_weights(module: SuperResolution, checkpoint: Path, recipe_path: Path, out: Path) -> Path:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights = {k.removeprefix("network."): v.contiguous() for k, v in state["state_dict"].items()}
    path = out / "weights.safetensors"
    safetensors.torch.save_file(weights, path)
    facts = {
        "recipe": Path(recipe_path).stem,
        "steps_to_best": int(state["global_step"]),
        "steps": int(module.global_step),
        "minutes": round(module.minutes, 1),
        "batch_size": module.recipe.batch_size,
        "crop_size": module.recipe.crops.size,
        "data": sorted(module.recipe.data.shares),
        "degradations": dict(module.recipe.crops.degradations),
        "earlier": _facts_of(module.recipe.start_from),
    }
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return path
