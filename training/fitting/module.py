"""The Lightning module: one network, its losses, its schedule and its evaluation on the dev split."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from depth_sr_ros.models import GuidedUpsampler, create_model
from training.datasets.pairs import Pair
from training.fitting.distributed import Processes, average_over_processes, sum_over_processes
from training.fitting.gradients import GradientSum, parts_of
from training.fitting.learning_rate import learning_rate
from training.fitting.objective import Batch, check_losses, parameter_groups, supervised
from training.fitting.optimiser import create_optimiser
from training.fitting.sample_pictures import panel
from training.fitting.validation import DevEvaluation, Sample
from training.networks.validity import ask
from training.recipes.recipe import Recipe

# steps in a row whose loss is not finite, after which a run ends
_MOST_SPOILT = 5


class SuperResolution(lightning.LightningModule):
    """Trains a network under a recipe.

    A network with several groups of parameters has a loss for each of them. One Adam with as many groups serves all:
    the groups share no parameter and Adam treats every parameter by itself, so that it does what an Adam per group
    would do.

    Random numbers in a step depend on the recipe's seed and the step alone, so that a run that is resumed draws what it
    would have drawn. Minutes already used are kept in the checkpoint, and so is the recipe.

    Args:
        recipe: what to do.
        dev: images to evaluate on when Lightning validates.

    Raises:
        ValueError: the recipe's losses do not fit the network; in training, losses that are not finite.
    """

    def __init__(self, recipe: Recipe, dev: Sequence[Pair] = ()) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.recipe = recipe
        self.network: GuidedUpsampler = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.groups = [group.name for group in parameter_groups(self.network, recipe.loss)]
        check_losses(self.network, recipe)
        self.evaluation = DevEvaluation(dev, recipe.scale, self.network.size_multiple, recipe.dev)
        self.minutes_before = 0.0
        self.started = time.monotonic()
        self.minutes = 0.0
        self.resumed_at = 0
        self.spoilt = 0

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1, by steps or by minutes."""
        by_minutes = self.minutes / self.recipe.max_minutes if self.recipe.max_minutes else 0.0
        return min(1.0, max(self.global_step / self.recipe.max_steps, by_minutes))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The recipe's, with a group for each of the network's; `on_train_batch_start` sets the learning rate."""
        return create_optimiser(self.network.parameter_groups().values(), self.recipe.optimiser)

    def on_train_start(self) -> None:
        """Starts the clock and remembers the step at which this run began."""
        self.started = time.monotonic()
        self.resumed_at = int(self.global_step)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """Sets the learning rate for this step; ends the run, with an evaluation, at its last step or minute."""
        self._read_clock()
        rate = learning_rate(self.recipe.optimiser, int(self.global_step), self.progress)
        for group in self.optimizers().param_groups:  # type: ignore[union-attr]
            group["lr"] = rate
        self.log("learning_rate", rate)
        if self.progress >= 1.0 or self.global_step + 1 >= self.recipe.max_steps:
            self.trainer.should_stop = True
        return None

    def _read_clock(self) -> None:
        """Minutes trained so far, earlier runs of the same training included; all processes go by their mean."""
        minutes = torch.tensor(self.minutes_before + (time.monotonic() - self.started) / 60, device=self.device)
        sum_over_processes([minutes])
        self.minutes = float(minutes) / Processes.from_environment().count

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """One step on one batch of crops."""
        seed = _seed_of(self.recipe.seed, int(self.global_step))
        torch.manual_seed(seed)
        optimiser = self.optimizers()
        optimiser.zero_grad()  # type: ignore[union-attr]
        gradients = GradientSum(parameter_groups(self.network, self.recipe.loss), batch["valid"].numel())
        for part in parts_of(batch, self.recipe.micro_batch):
            result = supervised(self.network, part, self.recipe.queries, seed)
            gradients.add(result, self.progress, self.manual_backward)
        losses = gradients.finish()
        self._check(losses)
        optimiser.step()  # type: ignore[union-attr]
        self.log("loss", torch.stack(list(losses.values())).sum(), prog_bar=True)
        if len(losses) > 1:
            self.log_dict({f"loss/{name}": loss for name, loss in losses.items()})

    def _check(self, losses: Mapping[str, Tensor]) -> None:
        """Lets no step spoil the weights that is not finite; ends the run where such steps follow each other.

        Half precision (`16-mixed`) scales gradients, and leaves out steps whose gradients are too large, by itself.
        """
        found = list(losses.values())
        if self.recipe.precision != "16-mixed":
            found += [p.grad for p in self.network.parameters() if p.grad is not None]
        if _all_finite(found):
            self.spoilt = 0
            return
        self.spoilt += 1
        # statistics of batch normalisation do not recover
        if self.spoilt >= _MOST_SPOILT or not _all_finite(list(self.network.buffers())):
            raise ValueError(
                f"step {int(self.global_step)}: loss or gradient was not finite, in {self.spoilt} steps in a row; the "
                "last checkpoint was written before them. Start again with a lower learning rate or a shorter "
                "clip_gradient_norm, or in precision 32-true"
            )
        for parameter in self.network.parameters():
            parameter.grad = None if parameter.grad is None else torch.zeros_like(parameter.grad)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clips the gradient of each group; mixed precision has taken its factor out by now."""
        longest = self.recipe.optimiser.clip_gradient_norm
        if longest > 0:
            for group in optimizer.param_groups:
                torch.nn.utils.clip_grad_norm_(group["params"], longest)

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Scores every dev image under every degradation of the recipe, and draws some under the first.

        Weights are chosen by `dev_ratio`: error relative to bicubic, averaged over the images, then over the
        degradations by their shares. Processes share the images, so they have to agree on the statistics of batch
        normalisation first.
        """
        average_over_processes(list(self.network.buffers()))
        shares = self.recipe.crops.degradations
        chosen = 0.0
        for number, (degradation, share) in enumerate(shares.items()):
            means, samples = self.evaluation(self._method, degradation)
            chosen += share / sum(shares.values()) * means["ratio"]
            self.log(f"dev_ratio/{degradation}", means["ratio"], batch_size=1)
            self.log(f"dev_rmse/{degradation}", means["rmse"], batch_size=1)
            if number == 0:
                self._draw(samples)
        self.log("dev_ratio", chosen, prog_bar=True, batch_size=1)

    def _method(self, guide: Tensor, depth_lr: Tensor, valid_lr: Tensor) -> Tensor:
        return ask(self.network, *(image.to(self.device) for image in (guide, depth_lr, valid_lr)))

    def _draw(self, samples: Sequence[Sample]) -> None:
        if not isinstance(self.logger, TensorBoardLogger):
            return
        for sample in samples:
            picture = panel(sample)
            self.logger.experiment.add_image(f"dev/{sample.name}", picture, self.global_step, dataformats="HWC")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the minutes used and the recipe."""
        self.minutes = max(self.minutes, self.minutes_before)
        checkpoint["minutes"] = self.minutes
        checkpoint["recipe"] = json.dumps(self.recipe.as_text())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Goes on counting from the minutes used before."""
        self.minutes_before = self.minutes = float(checkpoint["minutes"])


def _all_finite(tensors: Sequence[Tensor]) -> bool:
    sums = [tensor.float().sum() for tensor in tensors]
    return not sums or bool(torch.stack(sums).isfinite().all())


def _seed_of(seed: int, step: int) -> int:
    return (seed * 1_000_003 + step) % 2**63
