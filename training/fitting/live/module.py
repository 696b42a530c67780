"""The Lightning module of a live network: its losses, its schedule and its validation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import lightning
import torch
from torch import Tensor

from depth_sr_ros.models import create_live_model
from training.fitting.learning_rate import learning_rate
from training.fitting.live.validation import LiveEvaluation, LiveScores, ratio_to_filter, table
from training.fitting.live_objective import Batch, LiveWeights, live_losses, total_loss
from training.fitting.optimiser import create_optimiser
from training.recipes.live_recipe import LiveRecipe

_MOST_SPOILT = 5  # steps in a row that are not finite, after which a run ends


class LiveTraining(lightning.LightningModule):
    """Trains a live network under a recipe.

    Args:
        recipe: what to do.
        evaluation: what to validate with; None in a run that does not.
        tell: gets the table of each validation.

    Raises:
        ValueError: a loss that there is none of; in training, losses that are not finite.
    """

    def __init__(
        self, recipe: LiveRecipe, evaluation: LiveEvaluation | None = None, tell: Callable[[str], None] = print
    ) -> None:
        super().__init__()
        known = set(LiveWeights.__dataclass_fields__)
        if unknown := set(recipe.loss) - known:
            raise ValueError(f"loss: expected weights of some of {sorted(known)}, found {sorted(unknown)}")
        self.recipe, self.evaluation, self.tell = recipe, evaluation, tell
        self.network = create_live_model(recipe.model, **recipe.model_options)
        self.weights = LiveWeights(**recipe.loss)
        self.minutes_before, self.started, self.spoilt = 0.0, time.monotonic(), 0
        self.found: list[LiveScores] = []

    @property
    def minutes(self) -> float:
        """Minutes trained so far, earlier runs of the same training included."""
        return self.minutes_before + (time.monotonic() - self.started) / 60

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's; `on_train_batch_start` sets the learning rate."""
        return create_optimiser([list(self.network.parameters())], self.recipe.optimiser)

    def on_train_start(self) -> None:
        """Starts the clock."""
        self.started = time.monotonic()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """Sets the learning rate for this step; ends the run, with a validation, at its last step."""
        spent = self.minutes / self.recipe.max_minutes if self.recipe.max_minutes else 0.0
        progress = min(1.0, max(self.global_step / self.recipe.max_steps, spent))
        rate = learning_rate(self.recipe.optimiser, int(self.global_step), progress)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
        self.log("learning_rate", rate)
        if self.global_step + 1 >= self.recipe.max_steps or spent >= 1:
            self.trainer.should_stop = True
        return None

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor | None:
        """One step on one batch of crops; one whose loss is not finite is left out."""
        terms = live_losses(self.network, batch)
        loss = total_loss(terms, self.weights)
        self.log("loss", loss.detach(), prog_bar=True)
        self.log_dict({f"loss/{name}": term.detach() for name, term in terms.items()})
        if bool(loss.detach().isfinite()):
            self.spoilt = 0
            return loss
        self.spoilt += 1
        if self.spoilt >= _MOST_SPOILT:
            raise ValueError(
                f"step {int(self.global_step)}: the loss was not finite in {self.spoilt} steps in a row; start again "
                "with a lower learning rate"
            )
        return None

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clips the gradient, and drops one that is not finite."""
        longest = self.recipe.optimiser.clip_gradient_norm
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), longest or float("inf"))
        if not bool(norm.isfinite()):
            optimizer.zero_grad()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Scores the fixed crops and prints the table; weights are chosen by `dev_ratio`, error over the filter's."""
        if self.evaluation is None:
            return
        self.found = self.evaluation(self.network, self.device)
        ratio = ratio_to_filter(self.found)
        self.tell(
            f"step {int(self.global_step)}, {self.minutes:.0f} min: {ratio:.3f} of the filter's error\n"
            + table(self.found)
        )
        self.log("dev_ratio", ratio, prog_bar=True, batch_size=1)
        for one in self.found:
            self.log(f"dev_edges/{one.camera}", one.measures["network"]["edges"], batch_size=1)
            self.log(f"dev_mae/{one.camera}", one.measures["network"]["mae"], batch_size=1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the minutes used and the recipe."""
        checkpoint["minutes"] = self.minutes
        checkpoint["recipe"] = json.dumps(self.recipe.as_text())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes on counting from the minutes used before."""
        self.minutes_before = float(checkpoint["minutes"])
