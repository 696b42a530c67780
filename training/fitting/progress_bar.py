"""The progress bar of a run: steps, time left, loss and the last evaluation."""

from __future__ import annotations

import math
import time
from typing import Any

import lightning
from lightning.pytorch.callbacks import TQDMProgressBar

from training.fitting.module import SuperResolution


class RunProgress(TQDMProgressBar):
    """Counts the steps of the whole run, and tells the time left by whichever ends first, steps or minutes."""

    def __init__(self) -> None:
        super().__init__(refresh_rate=5)  # a large network takes seconds for a step
        self._begun = (0.0, 0.0)

    @property
    def total_train_batches(self) -> int | float:
        """Steps of the run; endless where its minutes end it, as far as can be told."""
        module = self.trainer.lightning_module
        assert isinstance(module, SuperResolution)
        return math.inf if module.recipe.max_minutes > 0 else self.trainer.max_steps

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Remembers where this run begins."""
        super().on_train_start(trainer, pl_module)
        self._begun = (time.monotonic(), _progress(pl_module))

    def on_train_epoch_start(self, trainer: lightning.Trainer, *args: Any) -> None:
        """Counts from the step that the run begins with."""
        super().on_train_epoch_start(trainer, *args)
        self.train_progress_bar.initial = self.train_progress_bar.n = trainer.global_step
        self.train_progress_bar.set_description("Training")

    def on_train_end(self, *args: Any) -> None:
        """Shows the last step, whatever its number."""
        self.train_progress_bar.n = self.trainer.global_step
        self.train_progress_bar.refresh()
        super().on_train_end(*args)

    def get_metrics(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """The logged values, and the time left as hours:minutes."""
        metrics: dict[str, int | str | float | dict[str, float]] = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        started, at = self._begun
        done = _progress(pl_module) - at
        if done > 0:
            left = round((time.monotonic() - started) / done * (1 - at - done) / 60)
            metrics["left"] = f"{left // 60}:{left % 60:02d}"
        return metrics


def _progress(module: lightning.LightningModule) -> float:
    assert isinstance(module, SuperResolution)
    return module.progress
