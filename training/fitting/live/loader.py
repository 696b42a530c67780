"""The loader of a live network's crops."""

from __future__ import annotations

import signal
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from depth_sr_ros.cameras.registration import warm_up
from training.datasets.endless import EndlessSampler
from training.datasets.live.crops import LiveCropsByNumber, LiveOptions
from training.datasets.live.opening import open_scenes
from training.recipes.live_recipe import LiveRecipe


def live_crop_loader(recipe: LiveRecipe, data: Path, first_step: int) -> DataLoader[dict[str, torch.Tensor]]:
    """Batches of crops without end, from a step of the run on.

    Raises:
        FileNotFoundError: no data there.
        ValueError: shares of scenes that there are none of.
    """
    options = LiveOptions(recipe.size, recipe.margin)
    crops = LiveCropsByNumber(open_scenes(data, options.side, recipe.seed, recipe.scenes or None), options, recipe.seed)
    return loader_of(crops, recipe, first_step)


def loader_of(
    crops: Dataset[dict[str, torch.Tensor]], recipe: LiveRecipe, first_step: int
) -> DataLoader[dict[str, torch.Tensor]]:
    """Batches of crops by number without end, from a step of the run on."""
    # a worker is forked off; it would wait forever for the threads of OpenCV that it does not inherit
    cv2.setNumThreads(0)
    warm_up()
    return DataLoader(
        crops,
        batch_size=recipe.batch_size,
        sampler=EndlessSampler(recipe.batch_size, first_step),
        num_workers=recipe.workers,
        persistent_workers=recipe.workers > 0,
        prefetch_factor=4 if recipe.workers else None,
        multiprocessing_context="fork" if recipe.workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_start_worker,
    )


def _start_worker(number: int) -> None:
    """Signals are the training process's to act on; it ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
