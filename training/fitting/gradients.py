"""The gradient of a step: over parts of the batch, over processes, and over the losses of groups of parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from training.fitting.distributed import sum_over_processes
from training.fitting.objective import Batch, ParameterGroup, Supervised

Backward = Callable[..., None]
"""Runs the backward pass of a loss."""


def parts_of(batch: Batch, size: int) -> Iterator[Batch]:
    """The batch in parts of at most `size` crops; whole for size 0."""
    count = batch["guide"].shape[0]
    for first in range(0, count, size or count):
        yield {key: tensor[first : first + (size or count)] for key, tensor in batch.items()}


class GradientSum:
    """Adds up gradients such that they are those of one pass over the whole batch of all processes.

    Each part's loss enters with its number of valid pixels, and the sum is divided by their total, so that parts with
    many holes do not count for more than they hold. For losses that are means over the valid pixels (`l1`, `l2`,
    `charbonnier`, `relative_rmse`, `multi_stage`, `estimate_l1` and sums of them) this is exact. `boundary`, and so
    `dagf`, is a mean over the pixels whose neighbours are valid too, and differs slightly where the parts' shares of
    those differ. A network whose outputs depend on the other crops of its part, as by batch normalisation, differs in
    any case.

    Args:
        groups: parameters with their losses.
        pixels: number that is of the order of the valid pixels of a step; it only keeps gradients in a range that half
            precision can hold.
    """

    def __init__(self, groups: Sequence[ParameterGroup], pixels: int) -> None:
        self.groups = groups
        self.pixels = pixels
        device = groups[0].parameters[0].device
        self.weight = torch.zeros((), device=device)
        self.losses = torch.zeros(len(groups), device=device)

    def add(self, part: Supervised, progress: float, backward: Backward) -> None:
        """Backward pass of one part, for the sum of all groups' losses.

        How far a loss reaches into the parameters of another group is the network's affair, which detaches what it
        should not reach.
        """
        weight = part.valid.sum() / self.pixels
        losses = [group.loss(part.outputs, part.target, part.valid, progress) * weight for group in self.groups]
        backward(torch.stack(losses).sum())
        self.losses += torch.stack(losses).detach()
        self.weight += weight

    @torch.no_grad()
    def finish(self) -> dict[str, Tensor]:
        """Divides the gradients by what they weigh, over all processes, and gives the losses, by group."""
        gradients = [p.grad for g in self.groups for p in g.parameters if p.grad is not None]
        sum_over_processes([*gradients, self.losses, self.weight])
        weight = self.weight.clamp(min=1e-6)
        for gradient in gradients:
            gradient.div_(weight)
        return dict(zip((g.name for g in self.groups), self.losses / weight, strict=True))
