"""The weights that a run begins with: those that its recipe names, or others that the command line gives.

Recipes name the runs that their own weights began with, so that what was done can be done again. Whoever has no such
runs begins with weights that ship: `train --start-from fdkn_x8`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from safetensors import safe_open

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from depth_sr_ros.models import create_model
from depth_sr_ros.models.weights import SCALE_SUFFIX
from training.fitting.checkpoints import refuse_to_overwrite
from training.recipes.recipe import Recipe, load_recipe

_HERE = Path(__file__).parents[1]
_RECIPES, _AVERAGES = _HERE / "recipes", _HERE / "averages.yaml"
_PARTS = "parts"
Averaged = list[str] | dict[str, Any]
"""Runs that are averaged, alike or by shares; beside these, under `parts`, other shares by a word in weights' names."""
# first line of the recipe that is kept in a run's folder
_MARK = "# train --start-from "


def recipe_to_train(path: Path, out: Path, given: str | None = None, resume: bool = False) -> Path:
    """The recipe to train by, whose start is there.

    Where weights are given, it is a copy of the recipe in the run's folder which begins with them; a run that is
    resumed finds it there.

    Args:
        path: the recipe asked for.
        out: the run's folder.
        given: weights to begin with instead of the recipe's, see `named_weights`.
        resume: whether the run in that folder goes on.

    Raises:
        FileNotFoundError: the weights to begin with are not there; the message says what makes them and which weights
            that ship would do.
        ValueError: weights are given to a run that is resumed, or there is another run in the folder.
    """
    recipe, kept = load_recipe(path), out / f"{path.stem}.yaml"
    if resume:
        if given is not None:
            raise ValueError(f"--start-from: {out} is resumed and goes on from its last.ckpt; leave it out")
        given = given_start(kept)
        recipe = _begun_from(recipe, load_recipe(kept).start_from) if given is not None else recipe
    else:
        refuse_to_overwrite(out / "last.ckpt")
        recipe = _begun_from(recipe, str(named_weights(given))) if given is not None else recipe
        if given is None and given_start(kept) is not None and kept.resolve() != path.resolve():
            kept.unlink(missing_ok=True)  # of a run whose checkpoint is gone
    if recipe.start_from and not resume and not Path(recipe.start_from).is_file():
        raise FileNotFoundError(f"{path}: {_missing(recipe, path.stem)}")
    if given is None:
        return path
    out.mkdir(parents=True, exist_ok=True)
    # every process of a run writes it, so each under a name of its own first
    temporary = kept.with_name(f".{kept.name}.{os.getpid()}")
    temporary.write_text(f"{_MARK}{given}\n{yaml.safe_dump(recipe.as_text(), sort_keys=False)}")
    temporary.replace(kept)
    return kept


def _begun_from(recipe: Recipe, weights: str | None) -> Recipe:
    """The recipe with other weights to begin with, the backbone's among them."""
    return replace(recipe, start_from=weights, backbone_from=None)


def named_weights(words: str) -> Path:
    """Weights as named on the command line: a shipped artifact such as `fdkn_x8`, or a file, or the folder it lies in.

    Raises:
        FileNotFoundError: there are none of that name; the message lists what ships.
        ValueError: the artifact cannot be used (ArtifactError).
    """
    shipped = list_artifacts()
    if words in shipped:
        return read_artifact(SHIPPED / words).weights
    path = Path(words) / "weights.safetensors" if Path(words).is_dir() else Path(words)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a file of weights, or the name of one of those that ship: {shipped}")
    return path.resolve()


def given_start(recipe: Path) -> str | None:
    """What was given as `--start-from` where a recipe is the copy that was made for it."""
    if not recipe.is_file():
        return None
    first = recipe.read_text().partition("\n")[0]
    return first.removeprefix(_MARK) if first.startswith(_MARK) else None


def command_for(weights: str, recipe: str) -> str | None:
    """The command that makes the weights that a recipe starts from, by the name of their folder; None for others.

    Args:
        weights: `runs/NAME/weights.safetensors`, or `grown` or `shrunk` below such a run.
        recipe: name of the recipe that starts from them.
    """
    parts = Path(weights).parts
    if len(parts) < 3 or parts[0] != "runs":
        return None
    run, below = f"runs/{parts[1]}", parts[2:-1]
    averaged: dict[str, Averaged] = yaml.safe_load(_AVERAGES.read_text(encoding="utf-8"))
    if below in (("grown",), ("shrunk",)):
        made_by = _network_recipe(parts[1], averaged)
        if not (_RECIPES / f"{made_by}.yaml").is_file():
            return None
        verb, other = ("grow", "narrow") if below == ("grown",) else ("shrink", "wide")
        recipes = f"--recipe {recipe} --{other}-recipe {made_by}"
        return f"python -m training {verb} {recipes} --run {run} --out {run}/{below[0]}"
    if parts[1] in averaged:
        shares = averaged[parts[1]]
        runs = _runs(shares)
        if isinstance(shares, dict):
            return average_command(runs, run, [shares[name] for name in runs], shares.get(_PARTS))
        return average_command(runs, run)
    if (_RECIPES / f"{parts[1]}.yaml").is_file():
        return f"python -m training train --recipe {parts[1]} --data DATA --out {run}"
    return None


def _runs(averaged: Averaged) -> list[str]:
    return [name for name in averaged if name != _PARTS]


def average_command(
    runs: Sequence[str],
    out: str,
    shares: Sequence[float] | None = None,
    parts: Mapping[str, Sequence[float]] | None = None,
) -> str:
    """The command that averages runs.

    Args:
        runs: their names, as in `runs/NAME`.
        out: folder that it writes.
        shares: how much each counts; None counts them alike.
        parts: other shares by a word in the names of weights.
    """
    counted = "" if shares is None else f"--shares {_numbers(shares)} "
    counted += "".join(f"--part {word} {_numbers(of_part)} " for word, of_part in (parts or {}).items())
    return f"python -m training average {' '.join(f'runs/{name}' for name in runs)} {counted}--out {out}"


def _numbers(shares: Sequence[float]) -> str:
    return " ".join(f"{share:.17g}" for share in shares)


def _network_recipe(run: str, averaged: dict[str, Averaged]) -> str:
    """A recipe of the network whose weights a run holds."""
    return _network_recipe(_runs(averaged[run])[-1], averaged) if run in averaged else run


def _missing(recipe: Recipe, name: str) -> str:
    weights = str(recipe.start_from)
    command = command_for(weights, name)
    ships = fitting_artifacts(recipe)
    ways = [f"`{command}` makes it"] if command else []
    also = f" (so do {', '.join(ships[1:])})" if ships[1:] else ""
    other = f"`--start-from {ships[0]}` begins with weights that ship{also}" if ships else ""
    ways.append(other or "`--start-from WEIGHTS` begins with others")
    return f"starts from {weights}, which is not there: {'; '.join(ways)}"


def fitting_artifacts(recipe: Recipe) -> list[str]:
    """Names of the shipped artifacts whose weights a recipe's network takes, those of the nearest scale first."""
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    found = []
    for name in list_artifacts():
        artifact = read_artifact(SHIPPED / name)
        if artifact.card.model == recipe.model and _shapes(artifact.weights) == shapes:
            found.append((abs(math.log2(artifact.card.scale / recipe.scale)), name))
    return [name for _, name in sorted(found)]


def _shapes(weights: Path) -> dict[str, Any]:
    with safe_open(weights, "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys() if not name.endswith(SCALE_SUFFIX)}  # noqa: SIM118
