"""Runs a recipe: `python -m training train --recipe fdkn_x8 --data FOLDER --out FOLDER`."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import safetensors.torch
import torch
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint, TQDMProgressBar
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
        train_dataloaders=_crops(recipe, data, _step_of(last) if resume else 0),
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


def _step_of(checkpoint: Path) -> int:
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"])


def _crops(recipe: Recipe, data: Path, first_step: int) -> DataLoader[dict[str, torch.Tensor]]:
    entries, chance = select_entries(read_manifest(data, *recipe.data.splits), recipe.data)
    pairs: list[Pair] = [load_pair(e) for e in entries]
    c = recipe.crops
    options = CropOptions(
        c.size, recipe.scale, c.enlargements, c.colour_jitter, c.invert, c.reciprocal, c.degradations
    )
    return DataLoader(
        RandomCrops(pairs, chance, options, (recipe.seed, first_step)),
        recipe.batch_size,
        num_workers=1,
        persistent_workers=True,
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
        callbacks=[best, _KeepLast(out / "last.ckpt"), TQDMProgressBar(refresh_rate=50)],
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


class _KeepLast(Checkpoint):
    """Writes a checkpoint to resume from after every evaluation, better or not.

    It stands behind the callback that keeps the best, so that the checkpoint knows the newest best.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Writes the file whole or not at all."""
        if not trainer.sanity_checking:
            trainer.save_checkpoint(self.path)


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = f"{names[0]}, {len(names)} cores" if names else platform.machine()
    return f"{torch.cuda.get_device_name()}, {cpu}" if torch.cuda.is_available() else cpu


def _write_weights(module: SuperResolution, checkpoint: Path, recipe_path: Path, out: Path) -> Path:
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights = {k.removeprefix("network."): v.contiguous() for k, v in state["state_dict"].items()}
    path = out / "weights.safetensors"
    safetensors.torch.save_file(weights, path)
    facts = {
        "recipe": Path(recipe_path).stem,
        "steps_to_best": int(state["global_step"]),
        "steps": int(module.global_step),
        "resumed_at": module.resumed_at,
        "minutes": round(module.minutes, 1),
        "batch_size": module.recipe.batch_size,
        "crop_size": module.recipe.crops.size,
        "data": sorted(module.recipe.data.shares),
        "degradations": dict(module.recipe.crops.degradations),
        "machine": _machine(),
        "command": f"python -m training train --recipe {Path(recipe_path).stem} --data DATA --out RUN",
        "earlier": _facts_of(module.recipe.start_from),
    }
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return path
