"""From a training run's folder to an artifact with a filled-in card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models.export import export_artifact
from depth_sr_ros.models.weights import Storage, rounded
from training.evaluate import card_entry, evaluate, network_of_recipe
from training.recipe import load_recipe

_PROTOCOL = "dkn-bicubic"


def export_run(
    recipe_path: Path, run: Path, data: Path, folder: Path, storage: Storage = "fp16", variant: str = ""
) -> Artifact:
    """Evaluates the weights of a training run on dev and test and writes them as an artifact.

    Parts that serve training alone are left out; what is evaluated are the values as they are stored.

    Args:
        recipe_path: the recipe that the run followed.
        run: its folder, with `weights.safetensors` and `training.json`.
        data: folder with a manifest.
        folder: where the artifact shall lie.
        storage: how weights are kept, see `depth_sr_ros.models.weights`.
        variant: see `depth_sr_ros.artifact.Card`.

    Raises:
        FileNotFoundError: the run has written no weights yet.
    """
    recipe = load_recipe(recipe_path)
    network = network_of_recipe(recipe, run / "weights.safetensors")
    if hasattr(network, "deployed"):
        network = network.deployed()  # type: ignore[operator]
    network.load_state_dict(rounded(network.state_dict(), storage))
    facts = json.loads((run / "training.json").read_text())
    scores = evaluate(network, data, protocol=_PROTOCOL)
    training = {**facts, "selected_on": "dev"}
    evaluation = {
        "protocol": _PROTOCOL,
        "unit": "ground truth's own (disparity levels or pixels)",
        **{split: card_entry(of_split) for split, of_split in scores.items()},
        "cell-median": {"dev": card_entry(evaluate(network, data, ["dev"], "cell-median")["dev"])},
    }
    command = " && ".join(_commands(facts))
    return export_artifact(
        network,
        recipe.model,
        folder,
        training=training,
        evaluation=evaluation,
        command=command,
        storage=storage,
        variant=variant,
    )


def _commands(facts: dict[str, Any] | None) -> list[str]:
    """The commands of all stages, the earliest first."""
    if not facts:
        return []
    return [*_commands(facts.get("earlier")), *([facts["command"]] if "command" in facts else [])]
