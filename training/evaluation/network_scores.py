"""Networks from artifacts and recipes, and their scores for a card: image by image, with bicubic beside them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import expect_papers, read_artifact
from depth_sr_ros.models import GuidedUpsampler, create_model
from training.datasets.pairs import load_pair, read_manifest
from training.evaluation.protocols import ImageScore
from training.evaluation.protocols import protocol as protocol_named
from training.networks.devices import best_device
from training.networks.loading import load_into
from training.recipes.recipe import Recipe


def network_of_artifact(path: Path) -> GuidedUpsampler:
    """The network of an artifact, with its weights, in evaluation mode. Raises ValueError, as ArtifactError or else."""
    artifact = expect_papers(read_artifact(path), "evaluation by protocols")
    network = create_model(artifact.card.model, **artifact.card.options)
    load_into(network, artifact.weights, artifact.card.model)
    return network.eval()


def network_of_recipe(recipe: Recipe, weights: Path) -> GuidedUpsampler:
    """The network of a recipe with weights that `train` wrote, in evaluation mode.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the weights belong to another network.
    """
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    load_into(network, weights, recipe.model)
    return network.eval()


def evaluate(
    network: GuidedUpsampler, data: Path, splits: Sequence[str] = ("dev", "test"), protocol: str = "dkn-bicubic"
) -> dict[str, list[ImageScore]]:
    """Scores of every image of each split, on a GPU where torch finds one; the network comes back to the CPU.

    Raises:
        ValueError: unknown protocol, or a split without images.
    """
    rules = protocol_named(protocol)
    scores = {}
    network.to(best_device())
    try:
        for split in splits:
            started = time.monotonic()
            pairs = (load_pair(entry) for entry in read_manifest(data, split))
            scores[split] = rules(network, pairs, network.scale)
            print(f"{split}: {len(scores[split])} images in {time.monotonic() - started:.1f} s")
    finally:
        network.cpu()
    return scores


def card_entry(scores: Sequence[ImageScore]) -> dict[str, Any]:
    """What a card says of a split: RMSE per image, their mean, bicubic's per image and mean, and the mean ratio.

    The ratio is of the images on which bicubic makes an error, and None where there are none; so is any number that is
    not finite.
    """
    ratios = [s.ratio for s in scores if not math.isnan(s.ratio) or not math.isfinite(s.rmse)]
    return {
        "rmse": {s.name: _written(s.rmse) for s in scores},
        "mean": _written(_mean([s.rmse for s in scores])),
        "bicubic": {s.name: _written(s.bicubic) for s in scores},
        "bicubic_mean": _written(_mean([s.bicubic for s in scores])),
        "mean_ratio": _written(_mean(ratios)),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _written(value: float) -> float | None:
    """JSON knows no NaN."""
    return round(value, 4) if math.isfinite(value) else None
