"""Runs a recipe: `python -m training train --recipe fdkn_x8 --data FOLDER --out FOLDER`.

Several processes share a run by `torchrun --nproc-per-node N -m training train ...`, see `fitting.distributed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from training.fitting.checkpoints import KeepLast, refuse_to_overwrite, step_to_resume
from training.fitting.crop_loader import crop_loader, open_dev, open_source
from training.fitting.distributed import Processes, ReplicaStrategy
from training.fitting.module import SuperResolution
from training.fitting.progress_bar import RunProgress
from training.fitting.run_folder import keep_start, write_weights
from training.fitting.start_weights import start_of
from training.networks.backbone import load_backbone
from training.networks.loading import load_into
from training.recipes.names import RecipeSource, find_recipe
from training.recipes.recipe import Recipe, load_recipe


def train(
    source: RecipeSource, data: Path, out: Path, resume: bool = False, callbacks: Sequence[Callback] = ()
) -> Path:
    """Trains by a recipe and keeps the weights that did best on dev.

    Args:
        source: name of a recipe, or a YAML file.
        data: folder with a manifest, or with the data sets that the recipe names.
        out: receives checkpoints, logs and `weights.safetensors` with `provenance.json`.
        resume: go on exactly where `out/last.ckpt` was written, see `training.fitting.checkpoints`.
        callbacks: further ones that watch the run.

    Returns:
        Path of the written weights.

    Raises:
        FileNotFoundError: recipe, data, checkpoint or the weights to begin with are missing.
        ValueError: the recipe does not fit the data, the network, its weights or the checkpoint; there is a checkpoint
            that it would replace; losses that are not finite.
        TrainingInterrupted: the run was asked to stop; it has left a checkpoint.
    """
    file = find_recipe(source)
    recipe = load_recipe(file)
    last = out / "last.ckpt"
    if not resume:
        refuse_to_overwrite(last)
    first_step = step_to_resume(last, recipe) if resume else 0
    lightning.seed_everything(recipe.seed, verbose=False)
    module = SuperResolution(recipe, open_dev(recipe, data))
    start = None if resume else start_of(recipe)
    if start is not None:
        load_into(module.network, start, recipe.model, recipe.start_anew)
    if not resume and Processes.from_environment().rank == 0:
        keep_start(start, out)
    if recipe.backbone_from and not resume:
        load_backbone(module.network, Path(recipe.backbone_from), recipe.model)
    best = ModelCheckpoint(out, filename="best", monitor="dev_ratio", enable_version_counter=False)
    trainer = _trainer(recipe, out, [*callbacks, best])
    torch.set_float32_matmul_precision("high")
    trainer.fit(
        module,
        train_dataloaders=crop_loader(recipe, open_source(recipe, data), first_step),
        val_dataloaders=DataLoader(torch.zeros(1)),  # type: ignore[arg-type]
        ckpt_path=str(last) if resume else None,
    )
    if trainer.is_global_zero:
        write_weights(module, Path(best.best_model_path), file, out)
    return out / "weights.safetensors"


def _trainer(recipe: Recipe, out: Path, watchers: Sequence[Callback]) -> lightning.Trainer:
    keep_last = KeepLast(out / "last.ckpt", recipe.checkpoint_every, recipe.evaluate_every)
    callbacks: list[Callback] = [*watchers, keep_last, RunProgress()]
    if recipe.average_weights > 0:
        callbacks.insert(0, EMAWeightAveraging(decay=recipe.average_weights))
    here = Processes.from_environment()
    shared = here.count > 1
    return lightning.Trainer(
        accelerator="auto",
        devices=here.local_count,
        num_nodes=here.count // here.local_count,
        strategy=ReplicaStrategy() if shared else "auto",
        sync_batchnorm=shared and torch.cuda.is_available(),
        use_distributed_sampler=False,
        precision=recipe.precision,  # type: ignore[arg-type]
        max_steps=recipe.max_steps,
        val_check_interval=recipe.evaluate_every,
        check_val_every_n_epoch=None,
        callbacks=callbacks,
        logger=TensorBoardLogger(out, name="", version="tensorboard"),
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        enable_model_summary=False,
    )
