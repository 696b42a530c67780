"""Checkpoints to resume from, and what becomes of a run that is asked to stop.

A resumed run continues exactly where its checkpoint was written and ends with the weights that it would have had:
the checkpoint holds the weights, their running average, the optimiser, the step and the minutes used, and both the
crops and the random numbers of a step depend on the step alone. The schedule must go by steps for this (`max_minutes:
0`): with a limit in minutes the learning rate follows the clock, and no two runs are the same.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint

from depth_sr_ros.command_line import Interrupted
from training.fitting.distributed import sum_over_processes
from training.recipes.recipe import Recipe

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

# settings that may change on the way
_FREE = {
    "max_steps", "max_minutes", "evaluate_every", "checkpoint_every", "dev", "workers", "start_from", "start_anew",
    "evaluation",
}  # fmt: skip


class TrainingInterrupted(Interrupted):
    """The run was asked to stop, and has left a checkpoint to resume from."""


class KeepLast(Checkpoint):
    """Writes `last.ckpt` at a fixed number of steps, after every evaluation and when the run is asked to stop.

    It stands behind the callback that keeps the best, so that the checkpoint knows the newest best. An evaluation that
    is due is done before the run stops. A second Ctrl-C ends the run at once. After a step whose loss was not finite
    nothing is written.

    Args:
        path: the file; it is replaced whole or not at all.
        every: steps between checkpoints.
        evaluate_every: steps between evaluations.
    """

    def __init__(self, path: Path, every: int, evaluate_every: int) -> None:
        self.path = path
        self.every = every
        self.evaluate_every = evaluate_every
        self._asked = False
        self._handlers: dict[int, Any] = {}

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Listens for Ctrl-C and SIGTERM."""
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._ask) for number in _SIGNALS}

    def teardown(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Stops listening."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Writes a checkpoint where one is due, and ends the run where that is asked for."""
        step = trainer.global_step
        asked = self._agreed(pl_module)
        if step % self.evaluate_every == 0 or trainer.should_stop:
            return  # the evaluation that follows writes one
        if asked or step % self.every == 0:
            self._save(trainer)
        self._end_if(asked, trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Writes a checkpoint, better or not."""
        if not trainer.sanity_checking:
            self._save(trainer)
            self._end_if(self._agreed(pl_module), trainer)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def _agreed(self, module: lightning.LightningModule) -> bool:
        """Whether any process was asked to stop."""
        asked = torch.tensor(float(self._asked), device=module.device)
        sum_over_processes([asked])
        return bool(asked)

    def _save(self, trainer: lightning.Trainer) -> None:
        if getattr(trainer.lightning_module, "spoilt", 0):
            return
        fresh = self.path.with_suffix(".new")
        trainer.save_checkpoint(fresh)
        if trainer.is_global_zero:
            os.replace(fresh, self.path)

    def _end_if(self, asked: bool, trainer: lightning.Trainer) -> None:
        if asked and not trainer.should_stop:
            raise TrainingInterrupted(
                f"stopped after step {trainer.global_step} of {trainer.max_steps}; --resume continues from {self.path}"
            )


def refuse_to_overwrite(path: Path) -> None:
    """Raises ValueError where a run that is to start afresh would replace the checkpoint of another."""
    if path.exists():
        raise ValueError(f"{path}: a run exists already; continue it with --resume, or choose another --out")


def _with_new_settings(then: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint's recipe with settings that did not exist yet when it was written, as they are unless given."""
    plain = Recipe(model="", scale=1).as_text()
    kept = [key for key in ("crops", "data", "optimiser", "dev") if key in then]
    sections: dict[str, Any] = {key: {**plain[key], **then[key]} for key in kept}
    return {**plain, **then, **sections}


def step_to_resume(path: Path, recipe: Recipe) -> int:
    """Steps done by the run that wrote a checkpoint.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it was written by another recipe; the message names what differs. Only lengths, intervals and what
            is evaluated may be changed on the way.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: nothing to resume from; remove --resume to start from scratch")
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if "recipe" not in checkpoint:
        raise ValueError(f"{path}: written by an older version; start from its weights by `start_from` instead")
    now, then = recipe.as_text(), _with_new_settings(json.loads(checkpoint["recipe"]))
    differing = sorted(key for key in now.keys() | then.keys() if key not in _FREE and now.get(key) != then.get(key))
    if differing:
        found = {key: (then.get(key), now.get(key)) for key in differing}
        raise ValueError(f"{path}: belongs to a run with other settings; (then, now): {found}")
    return int(checkpoint["global_step"])
