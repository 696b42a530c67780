"""The Lightning module: one network, its loss, its schedule and its evaluation on the dev split."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import lightning
import torch
from torch import Tensor

from depth_sr_ros.models import GuidedUpsampler, create_model
from training.datasets.pairs import Pair
from training.losses import masked_l1
from training.protocols import scores_under
from training.recipe import Recipe


class SuperResolution(lightning.LightningModule):
    """Trains a network by masked L1 under a recipe.

    The learning rate falls by a cosine over the recipe's steps or minutes, whichever is further along, so a slower
    machine still ends with a settled network. Minutes already used are kept in the checkpoint.

    Args:
        recipe: what to do.
        dev: images to evaluate on when Lightning validates.
    """

    def __init__(self, recipe: Recipe, dev: Sequence[Pair] = ()) -> None:
        super().__init__()
        self.recipe = recipe
        self.dev = list(dev)
        self.network: GuidedUpsampler = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.minutes_before = 0.0
        self.started = time.monotonic()
        self.resumed_at = 0

    @property
    def minutes(self) -> float:
        """Minutes trained so far, earlier runs of the same training included."""
        return self.minutes_before + (time.monotonic() - self.started) / 60

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1, by steps or by minutes."""
        return min(1.0, max(self.global_step / self.recipe.max_steps, self.minutes / self.recipe.max_minutes))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam; `on_train_batch_start` sets its learning rate."""
        return torch.optim.Adam(self.network.parameters(), lr=self.recipe.optimiser.learning_rate)

    def on_train_start(self) -> None:
        """Starts the clock and remembers the step at which this run began."""
        self.started = time.monotonic()
        self.resumed_at = int(self.global_step)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """Sets the learning rate for this step; ends the run, with an evaluation, at its last step or minute."""
        rate = self.recipe.optimiser.learning_rate * 0.5 * (1 + math.cos(math.pi * self.progress))
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate
        self.log("learning_rate", rate)
        if self.progress >= 1.0 or self.global_step + 1 >= self.recipe.max_steps:
            self.trainer.should_stop = True
        return None

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Masked L1 of one batch of crops."""
        guide = batch["guide"].contiguous(memory_format=torch.channels_last)
        output = self.network(guide, batch["depth_lr"])
        loss = masked_l1(output, batch["target"], batch["valid"])
        self.log("loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Scores every dev image under every degradation of the recipe.

        Weights are chosen by `dev_ratio`: error relative to bicubic, averaged over the images, then over the
        degradations by their shares.
        """
        shares = self.recipe.crops.degradations
        chosen = 0.0
        for degradation, share in shares.items():
            scores = scores_under(degradation, self.network, self.dev, self.recipe.scale)
            ratio = sum(s.ratio for s in scores) / len(scores)
            chosen += share / sum(shares.values()) * ratio
            self.log(f"dev_ratio/{degradation}", ratio, batch_size=1)
            self.log(f"dev_rmse/{degradation}", sum(s.rmse for s in scores) / len(scores), batch_size=1)
        self.log("dev_ratio", chosen, prog_bar=True, batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the minutes used."""
        checkpoint["minutes"] = self.minutes

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes on counting from the minutes used before."""
        self.minutes_before = float(checkpoint["minutes"])
