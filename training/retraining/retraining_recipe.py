"""The recipe of a retraining: the shipped one, with what the recordings, the weights and the command line say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from depth_sr_ros.models import create_model
from training.datasets.pairs import load_pair
from training.degradation.measured import VALID_MEDIAN, MeasuredSensor
from training.extraction.manifest import replace_file
from training.recipes.recipe import Collection, CropSettings, Recipe, load_recipe
from training.retraining.base_set import BaseSet, with_share
from training.retraining.settings import TrainingOptions
from training.retraining.split import Split
from training.retraining.starting_artifact import Start

NOISY = 0.5
"""Share of the crops by `valid-median` that get the measured noise on top."""

_LEAST_CROP = 64


def build_recipe(
    options: TrainingOptions, start: Start, base: BaseSet, shards: Path, split: Split, sensor: MeasuredSensor
) -> Recipe:
    """Everything that decides the training run.

    Args:
        options: the command line's.
        start: weights to go on from.
        base: what the other crops come from.
        shards: folder of the recordings' shards.
        split: which of their frames to train on.
        sensor: the noise that was measured.

    Raises:
        ValueError: settings that do not go together.
    """
    recipe = adapted(options, start)
    crops = replace(recipe.crops, degradations=with_measured(recipe.crops.degradations, sensor))
    if not options.crop:
        crops = replace(crops, size=crop_side(recipe, load_pair(split.train[0]).target.shape), width=0)
    frames = Collection("train", 1 - options.base_share, 0, 0, str(shards.resolve()), dict(split.options))
    data = replace(
        with_share(base.options, options.base_share),
        collections={"shards": frames},
        dev={"shards": replace(frames, count=recipe.dev.images)},
    )
    return replace(recipe, crops=crops, data=data)


def adapted(options: TrainingOptions, start: Start) -> Recipe:
    """The recipe for a network and the command line; its data are still its own.

    The loss is the card's, of the groups of parameters that the artifact has.
    """
    recipe = load_recipe(options.recipe)
    card = start.artifact.card
    optimiser = recipe.optimiser
    if options.learning_rate:
        optimiser = replace(optimiser, learning_rate=options.learning_rate)
    crops: CropSettings = replace(recipe.crops, size=options.crop, width=0) if options.crop else recipe.crops
    return replace(
        recipe,
        model=card.model,
        scale=card.scale,
        model_options=start.model_options,
        start_from=str(start.artifact.weights.resolve()),
        backbone_from=None,
        seed=options.seed,
        crops=crops,
        loss=_loss(start) or recipe.loss,
        optimiser=optimiser,
        max_minutes=options.minutes,
        max_steps=options.steps or recipe.max_steps,
        workers=recipe.workers if options.workers < 0 else options.workers,
        evaluation=start.protocols,
    )


def _loss(start: Start) -> Mapping[str, Any]:
    """The loss on the card, as far as the artifact has what it moves; empty where the card says none.

    An artifact has no parts that serve training alone, while its card may name a loss for them.
    """
    card = start.artifact.card
    loss: Mapping[str, Any] = card.training.get("loss") or {}
    if not any(isinstance(terms, Mapping) for terms in loss.values()):
        return loss
    groups = create_model(card.model, **card.options).parameter_groups()
    kept = {name: terms for name, terms in loss.items() if name in groups}
    return next(iter(kept.values()), {}) if len(groups) == 1 else kept


def with_measured(shares: Mapping[str, float], sensor: MeasuredSensor) -> dict[str, float]:
    """Shares of degradations in which part of the plain medians has the measured noise on top."""
    shares = dict(shares)
    if sensor.name != VALID_MEDIAN and VALID_MEDIAN in shares:
        whole = shares.pop(VALID_MEDIAN)
        shares = {VALID_MEDIAN: whole * (1 - NOISY), sensor.name: whole * NOISY, **shares}
    return shares


def crop_side(recipe: Recipe, depth: tuple[int, ...]) -> int:
    """Side of the crops: the recipe's, or what fits into depth of that shape, though not less than 64 pixels."""
    side = min(depth)
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    step = math.lcm(recipe.scale, network.size_multiple)
    return min(recipe.crops.size, max(side, _LEAST_CROP) // step * step or recipe.crops.size)


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Writes a recipe that `load_recipe` reads as the same. Raises OSError where it cannot be written."""
    replace_file(path, yaml.safe_dump(recipe.as_text(), sort_keys=False).encode())


def data_folder(base: BaseSet, out: Path) -> Path:
    """What the recipe's paths are relative to."""
    return base.folder or out
