"""What a finished run leaves in its folder: the best weights and the facts of the training."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from depth_sr_ros.artifact import list_artifacts
from depth_sr_ros.models.weights import save_weights
from training.fitting.distributed import Processes
from training.fitting.module import SuperResolution
from training.fitting.start_weights import given_start

_START = "start.json"


def write_weights(module: SuperResolution, checkpoint: Path, recipe_path: Path, out: Path) -> Path:
    """Writes `weights.safetensors` and `training.json`.

    Args:
        module: what was trained.
        checkpoint: the best one.
        recipe_path: the recipe's file.
        out: the run's folder.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights = {k.removeprefix("network."): v.contiguous() for k, v in state["state_dict"].items()}
    path = out / "weights.safetensors"
    safetensors.torch.save_file(weights, path)
    facts = {"steps_to_best": int(state["global_step"]), **_facts(module, Path(recipe_path), out)}
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return path


def write_start(state: Mapping[str, Tensor], what: Mapping[str, Any], command: str, source: Path, out: Path) -> Path:
    """Writes weights made of a finished run's, for `start_from`, and `training.json`.

    Args:
        state: the weights.
        what: facts about them.
        command: that makes them, as others would type it.
        source: the run's weights, or an artifact's.
        out: folder, made if missing.

    Returns:
        Path of the written weights.
    """
    out.mkdir(parents=True, exist_ok=True)
    path = out / "weights.safetensors"
    save_weights(state, path)
    facts = {**what, "command": command, "earlier": facts_of(str(source))}
    (out / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    return path


def keep_start(weights: str | None, out: Path) -> None:
    """Writes the facts of the weights that a run begins with, for one that goes on where these are gone.

    Args:
        weights: file that the run begins with; None for random ones.
        out: the run's folder, made if missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / _START).write_text(json.dumps(facts_of(weights), indent=2) + "\n")


def _facts_of_start(weights: str | None, out: Path) -> dict[str, Any] | None:
    kept = out / _START
    found: dict[str, Any] | None = json.loads(kept.read_text()) if kept.is_file() else facts_of(weights)
    return found


def _facts(module: SuperResolution, path: Path, out: Path) -> dict[str, Any]:
    name = path.stem
    recipe, data = module.recipe, module.recipe.data
    processes = Processes.from_environment().count
    launcher = f"torchrun --nproc-per-node {processes}" if processes > 1 else "python"
    return {
        "recipe": name,
        "steps": int(module.global_step),
        "resumed_at": module.resumed_at,
        "minutes": round(module.minutes, 1),
        "batch_size": recipe.batch_size,
        "crop_size": recipe.crops.size,
        "loss": dict(recipe.loss),
        "data": sorted([*data.shares, *data.collections, *(["procedural"] if data.procedural else [])]),
        **({"splits": {name: one.split for name, one in data.collections.items()}} if data.collections else {}),
        "degradations": dict(recipe.crops.degradations),
        "machine": _machine(),
        "processes": processes,
        **({"start_anew": list(recipe.start_anew)} if recipe.start_anew else {}),
        # a path is of this machine; torchvision's file names have the hash of what they hold
        **({"backbone_from": Path(recipe.backbone_from).name} if recipe.backbone_from else {}),
        "command": f"{launcher} -m training train --recipe {name} --data DATA --out RUN{_start_words(path)}",
        "earlier": _facts_of_start(recipe.start_from, out),
    }


def _start_words(recipe: Path) -> str:
    """The option by which other weights than the recipe's were given; a path is of this machine and left out."""
    given = given_start(recipe)
    return "" if given is None else f" --start-from {given if given in list_artifacts() else 'WEIGHTS'}"


def facts_of(weights: str | None) -> dict[str, Any] | None:
    """Facts of the training that weights come from: beside a run's weights, or on an artifact's card."""
    if weights is None:
        return None
    run, card = Path(weights).parent / "training.json", Path(weights).parent / "card.json"
    if run.is_file():
        facts: dict[str, Any] = json.loads(run.read_text())
        return facts
    return dict(json.loads(card.read_text())["training"]) if card.is_file() else {"weights": Path(weights).name}


def _machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = f"{names[0]}, {len(names)} cores" if names else platform.machine()
    return f"{torch.cuda.get_device_name()}, {cpu}" if torch.cuda.is_available() else cpu
