"""Networks from artifacts and recipes, and their scores for a card: image by image, with bicubic beside them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch

from depth_sr_ros.artifact import read_artifact
from depth_sr_ros.models import GuidedUpsampler, create_model
from training.datasets.pairs import load_pair, read_manifest
from training.protocols import ImageScore
from training.protocols import protocol as protocol_named
from training.recipe import Recipe


def network_of_artifact(path: Path) -> GuidedUpsampler:
    """The network of an artifact, with its weights, in evaluation mode. Raises ArtifactError."""
    artifact = read_artifact(path)
    network = create_model(artifact.card.model, **artifact.card.options)
    network.load_state_dict(safetensors.torch.load_file(artifact.weights))
    return network.eval()


def network_of_recipe(recipe: Recipe, weights: Path) -> GuidedUpsampler:
    """The network of a recipe with weights that `train` wrote, in evaluation mode.

    Raises:
        FileNotFoundError: no such file.
        RuntimeError: the weights belong to another network; torch's message names the keys.
    """
    if not weights.is_file():
        raise FileNotFoundError(f"{weights}: expected the weights that `python -m training train` writes")
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    network.load_state_dict(safetensors.torch.load_file(weights))
    return network.eval()


def evaluate(
    network: GuidedUpsampler, data: Path, splits: Sequence[str] = ("dev", "test"), protocol: str = "dkn-bicubic"
) -> dict[str, list[ImageScore]]:
    """Scores of every image of each split.

    Raises:
        ValueError: unknown protocol, or a split without images.
    """
    rules = protocol_named(protocol)
    scores = {}
    for split in splits:
        started = time.monotonic()
        pairs = (load_pair(entry) for entry in read_manifest(data, split))
        scores[split] = rules(network, pairs, network.scale)
        print(f"{split}: {len(scores[split])} images in {time.monotonic() - started:.1f} s")
    return scores


def table(scores: Sequence[ImageScore]) -> str:
    """Markdown table: image, RMSE, bicubic's RMSE, their ratio; the last line averages the images."""
    lines = ["| image | RMSE | bicubic | ratio |", "|---|---|---|---|"]
    lines += [f"| {s.name} | {s.rmse:.3f} | {s.bicubic:.3f} | {s.ratio:.3f} |" for s in scores]
    mean = card_entry(scores)
    lines.append(f"| mean | {mean['mean']:.3f} | {mean['bicubic_mean']:.3f} | {mean['mean_ratio']:.3f} |")
    return "\n".join(lines)


def card_entry(scores: Sequence[ImageScore]) -> dict[str, Any]:
    """What a card says of a split: RMSE per image, their mean, bicubic's per image and mean, and the mean ratio."""
    count = len(scores)
    return {
        "rmse": {s.name: round(s.rmse, 4) for s in scores},
        "mean": round(sum(s.rmse for s in scores) / count, 4),
        "bicubic": {s.name: round(s.bicubic, 4) for s in scores},
        "bicubic_mean": round(sum(s.bicubic for s in scores) / count, 4),
        "mean_ratio": round(sum(s.ratio for s in scores) / count, 4),
    }
