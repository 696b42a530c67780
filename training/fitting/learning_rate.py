"""The learning rate at a point of a run."""

from __future__ import annotations

import math

from training.recipes.recipe import OptimiserOptions


def learning_rate(options: OptimiserOptions, step: int, progress: float) -> float:
    """Learning rate of one step.

    Args:
        options: the recipe's.
        step: steps done before.
        progress: share of the run that is done, 0 to 1.
    """
    if step < options.warmup_steps:
        return options.learning_rate * (step + 1) / options.warmup_steps
    if options.schedule == "cosine":
        return options.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
    if options.schedule == "steps":
        return float(options.learning_rate * options.decay ** (step // options.decay_every))
    return options.learning_rate
