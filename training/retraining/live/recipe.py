"""The recipe of a retraining of live weights, and the crops that it is followed on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from depth_sr_ros.artifact import Artifact
from training.datasets.live.crops import LiveOptions
from training.datasets.live.mixed import MixedCrops, by_number
from training.datasets.live.recorded import FrameEntry, RecordedCrops
from training.degradation.two_cameras.noise import AxialNoise
from training.recipes.live_recipe import LiveRecipe, load_live_recipe
from training.recipes.names import RecipeFile
from training.recipes.recipe import OptimiserOptions
from training.retraining.live.simulated import distinct_views, training_crops
from training.retraining.settings import TrainingOptions

NAME = "retrain_live"
"""What the recipe is called on cards."""

RETRAIN_LIVE = LiveRecipe(
    model="fdkn",
    seed=31,
    size=192,
    margin=32,
    batch_size=4,
    optimiser=OptimiserOptions(learning_rate=1e-4, warmup_steps=20, clip_gradient_norm=1.0),
    average_weights=0.99,  # of a run of minutes
    max_steps=100_000,
    evaluate_every=10_000_000,  # never: the last weights are taken, so that nothing is chosen on held frames
    checkpoint_every=50,
    workers=1,
)
"""Small steps from weights that serve: model, start, length and seed are filled in."""

_OWN_SHARE = 2 / 3  # of the simulated crops that show the recording's camera; the others show any
_LEAST_SIDE = 64


def live_recipe(
    options: TrainingOptions, start: Artifact, file: RecipeFile | None, entries: Sequence[FrameEntry]
) -> LiveRecipe:
    """Everything that decides the training run but its crops.

    Args:
        options: the command line's.
        start: weights to go on from.
        file: a live recipe instead of `RETRAIN_LIVE`.
        entries: frames to train on; crops are not larger than their colour images.

    Raises:
        ValueError: crops that the network cannot take, or that do not fit into the frames.
    """
    recipe = RETRAIN_LIVE if file is None else load_live_recipe(file)
    card, optimiser = start.card, recipe.optimiser
    if options.learning_rate:
        optimiser = replace(optimiser, learning_rate=options.learning_rate)
    return replace(
        recipe,
        model=card.model,
        model_options=json.loads(json.dumps(dict(card.options))),
        start_from=None,
        seed=options.seed,
        size=_side(options.crop or recipe.size, bool(options.crop), card.size_multiple, entries),
        optimiser=optimiser,
        max_minutes=options.minutes,
        max_steps=options.steps or recipe.max_steps,
        workers=recipe.workers if options.workers < 0 else options.workers,
    )


def _side(wanted: int, asked: bool, multiple: int, entries: Sequence[FrameEntry]) -> int:
    smallest = min(min(entry.view.colour.size) for entry in entries)
    if asked and (wanted % multiple or wanted > smallest):
        raise ValueError(
            f"--crop: expected a multiple of {multiple} of at most {smallest}, the smallest side of the colour images, "
            f"found {wanted}"
        )
    side = min(wanted, smallest) // multiple * multiple
    if side < min(_LEAST_SIDE, wanted):
        raise ValueError(f"recordings: expected colour images of {_LEAST_SIDE} pixels and more, found {smallest}")
    return side


def mixed_crops(
    recipe: LiveRecipe,
    entries: Sequence[FrameEntry],
    noise: AxialNoise,
    multiple: int,
    simulated: float,
    data: Path | None,
) -> MixedCrops:
    """Recorded crops and simulated ones, by their shares.

    Args:
        recipe: size, margin and seed.
        entries: frames to train on.
        noise: of the sensor.
        multiple: of which the network takes sides.
        simulated: share of the simulated ones.
        data: see `simulated.training_crops`.
    """
    options = LiveOptions(recipe.size, recipe.margin)
    recorded = by_number(RecordedCrops(entries, recipe.size, noise, multiple), recipe.seed)
    if not simulated:
        return MixedCrops([recorded], [1.0], recipe.seed)
    views = distinct_views(entries)
    crops = [training_crops(view, entries, data, options, recipe.seed + 1 + n) for n, view in enumerate([None, *views])]
    shares = [1 - _OWN_SHARE, *[_OWN_SHARE / len(views)] * len(views)]
    sources = [recorded, *(one.__getitem__ for one in crops)]
    return MixedCrops(sources, [1 - simulated, *(simulated * share for share in shares)], recipe.seed)
