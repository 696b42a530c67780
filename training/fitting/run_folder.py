"""What a finished run leaves in its folder: the best weights and their provenance."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from depth_sr_ros.artifact import list_artifacts
from depth_sr_ros.models.weights import save_weights
from training.fitting.distributed import Processes
from training.fitting.module import SuperResolution
from training.fitting.start_weights import given_options
from training.recipes.lineage import stages_of_facts
from training.recipes.names import RecipeFile
from training.recipes.provenance import Provenance, continued, parse, provenance_of
from training.recipes.recipe import Recipe

_START = "start.json"


def write_weights(module: SuperResolution, checkpoint: Path, recipe: RecipeFile, out: Path) -> Path:
    """Writes `weights.safetensors` and `provenance.json`.

    Args:
        module: what was trained.
        checkpoint: the best one.
        recipe: the recipe's file.
        out: the run's folder, with what `keep_start` has written.
    """
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    weights = {k.removeprefix("network."): v.contiguous() for k, v in state["state_dict"].items()}
    path = out / "weights.safetensors"
    safetensors.torch.save_file(weights, path)
    start = _kept_start(out)
    facts = {**_facts(module, recipe), "steps_to_best": int(state["global_step"])}
    continued([] if start is None else [start], "train", recipe.name, facts, path).write(out)
    return path


def write_start(
    state: Mapping[str, Tensor], kind: str, name: str, facts: Mapping[str, Any], sources: Sequence[Path], out: Path
) -> Path:
    """Writes weights made of others, for `start_from`, and `provenance.json`.

    Args:
        state: the weights.
        kind: what was done, see `training.recipes.provenance.KINDS`.
        name: of the stage.
        facts: about it, with the command that others would type.
        sources: files of the weights that these were made of.
        out: folder, made if missing.

    Returns:
        Path of the written weights.
    """
    parents = [provenance_of(source) for source in sources]
    out.mkdir(parents=True, exist_ok=True)
    path = out / "weights.safetensors"
    save_weights(state, path)
    continued(parents, kind, name, facts, path).write(out)
    return path


def keep_start(weights: Path | None, out: Path) -> None:
    """Writes the provenance of the weights that a run begins with, for one that goes on where these are gone.

    Args:
        weights: file that the run begins with; None for random ones.
        out: the run's folder, made if missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / _START).write_text("null\n" if weights is None else provenance_of(weights).as_text(), encoding="utf-8")


def _kept_start(out: Path) -> Provenance | None:
    text = (out / _START).read_text(encoding="utf-8") if (out / _START).is_file() else "null"
    facts = json.loads(text)
    if facts is None or "stages" in facts:
        return None if facts is None else parse(text, str(out / _START))
    return Provenance(tuple(stages_of_facts(facts)), None)  # of a run that an earlier version began


def _facts(module: SuperResolution, file: RecipeFile) -> dict[str, Any]:
    data, processes = module.recipe.data, Processes.from_environment().count
    launcher = f"torchrun --nproc-per-node {processes}" if processes > 1 else "python"
    return {
        "recipe": file.name,
        "command": f"{launcher} -m training train --recipe {file.name} --data DATA --out RUN{_given_words(file.path)}",
        "steps": int(module.global_step),
        "resumed_at": module.resumed_at,
        "minutes": round(module.minutes, 1),
        "machine": machine(),
        "processes": processes,
        "data": sorted([*data.shares, *data.collections, *(["procedural"] if data.procedural else [])]),
        **({"splits": {name: one.split for name, one in data.collections.items()}} if data.collections else {}),
        "settings": settings_to_record(module.recipe),
    }


def settings_to_record(recipe: Recipe) -> dict[str, Any]:
    """A recipe's settings without those that are empty, and without paths, which are of this machine.

    Of the weights that it began with the record has the sum; a backbone's file name has the hash of what it holds.
    """
    backbone = recipe.backbone_from and Path(recipe.backbone_from).name
    named, dev = (
        {name: replace(one, folder=Path(one.folder).name) for name, one in collections.items()}
        for collections in (recipe.data.collections, recipe.data.dev)
    )
    data = replace(recipe.data, collections=named, dev=dev)
    settings = replace(recipe, start_anew=(), start_from=None, backbone_from=backbone, data=data).as_text()
    settings["start_anew"] = list(recipe.start_anew)
    return _without_empty(settings)


def _without_empty(settings: Mapping[str, Any]) -> dict[str, Any]:
    filled = {k: _without_empty(v) if isinstance(v, Mapping) else v for k, v in settings.items()}
    return {key: value for key, value in filled.items() if value is not None and value not in ({}, [], "")}


def _given_words(recipe: Path) -> str:
    """The options by which other settings than the recipe's were given; a path is of this machine and left out."""
    given = given_options(recipe)
    if given.start_from is not None and given.start_from not in list_artifacts():
        given = replace(given, start_from="WEIGHTS")
    return given.words


def machine() -> str:
    """The processor, with its cores, and the GPU where there is one, for records."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cpu = f"{names[0]}, {len(names)} cores" if names else platform.machine()
    return f"{torch.cuda.get_device_name()}, {cpu}" if torch.cuda.is_available() else cpu
