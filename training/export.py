"""From a training run's folder to an artifact with a filled-in card."""

from __future__ import annotations

import json
import platform
from pathlib import Path

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.models.export import export_artifact
from training.evaluate import card_entry, evaluate, network_of_recipe
from training.recipe import load_recipe

_PROTOCOL = "dkn-bicubic"


def export_run(recipe_path: Path, run: Path, data: Path, folder: Path) -> Artifact:
    """Evaluates the weights of a training run on dev and test and writes them as an artifact.

    Args:
        recipe_path: the recipe that the run followed.
        run: its folder, with `weights.safetensors` and `training.json`.
        data: folder with a manifest.
        folder: where the artifact shall lie.

    Raises:
        FileNotFoundError: the run is not finished.
    """
    recipe = load_recipe(recipe_path)
    network = network_of_recipe(recipe, run / "weights.safetensors")
    facts = json.loads((run / "training.json").read_text())
    scores = evaluate(network, data, protocol=_PROTOCOL)
    training = {**facts, "selected_on": "dev", "machine": f"{_processor()}, Python {platform.python_version()}"}
    evaluation = {
        "protocol": _PROTOCOL,
        "unit": "ground truth's own (disparity levels or pixels)",
        **{split: card_entry(of_split) for split, of_split in scores.items()},
        "cell-median": {"dev": card_entry(evaluate(network, data, ["dev"], "cell-median")["dev"])},
    }
    command = f"python -m training train --recipe {Path(recipe_path).stem} --data DATA --out RUN"
    return export_artifact(
        network, recipe.model, folder, training=training, evaluation=evaluation, command=command
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()
