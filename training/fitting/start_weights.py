"""The weights that a run begins with: those that its recipe names, or others that the command line gives.

Recipes that ship begin with random weights or with weights that ship, so that everybody has them. Whoever has others
gives them: `train --start-from WEIGHTS`.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from safetensors import safe_open

from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
from depth_sr_ros.frame_graphs import PAPERS
from depth_sr_ros.models import create_model
from depth_sr_ros.models.weights import SCALE_SUFFIX
from training.fitting.checkpoints import refuse_to_overwrite
from training.recipes.names import RecipeFile, RecipeSource, find_recipe
from training.recipes.recipe import Recipe, load_recipe

# first line of the recipe that is kept in a run's folder
_MARK = re.compile(r"# train(?: --start-from (?P<start>.+?))?(?: --max-steps (?P<steps>\d+))?")


@dataclass(frozen=True)
class Given:
    """What the command line gave in place of a recipe's own settings.

    Attributes:
        start_from: see `named_weights`; None keeps the recipe's.
        max_steps: 0 keeps the recipe's.
    """

    start_from: str | None = None
    max_steps: int = 0

    @property
    def words(self) -> str:
        """The options, as they are typed."""
        start = "" if self.start_from is None else f" --start-from {self.start_from}"
        return start + (f" --max-steps {self.max_steps}" if self.max_steps else "")


def recipe_to_train(source: RecipeSource, out: Path, given: Given | None = None, resume: bool = False) -> RecipeFile:
    """The recipe to train by, whose start is there.

    Where the command line gives something else, it is a copy of the recipe in the run's folder; a run that is resumed
    finds its start there.

    Args:
        source: the recipe asked for.
        out: the run's folder.
        given: what replaces the recipe's settings.
        resume: whether the run in that folder goes on.

    Raises:
        FileNotFoundError: the weights to begin with are not there; the message says which that ship would do.
        ValueError: weights are given to a run that is resumed, or there is another run in the folder.
    """
    file, given = find_recipe(source), given or Given()
    recipe, kept = load_recipe(file), out / f"{file.name}.yaml"
    before = given_options(kept)
    if resume:
        if given.start_from is not None:
            raise ValueError(f"--start-from: {out} is resumed and goes on from its last.ckpt; leave it out")
        given = replace(given, start_from=before.start_from)
        recipe = _begun_from(recipe, load_recipe(kept).start_from) if given.start_from is not None else recipe
    else:
        refuse_to_overwrite(out / "last.ckpt")
        if given.start_from is not None:
            recipe = _begun_from(recipe, str(named_weights(given.start_from)))
        if not given.words and before.words and kept.resolve() != file.path.resolve():
            kept.unlink(missing_ok=True)  # of a run whose checkpoint is gone
        _check_start(recipe, file)
    if not given.words:
        return file
    recipe = replace(recipe, max_steps=given.max_steps) if given.max_steps else recipe
    out.mkdir(parents=True, exist_ok=True)
    # every process of a run writes it, so each under a name of its own first
    temporary = kept.with_name(f".{kept.name}.{os.getpid()}")
    temporary.write_text(f"# train{given.words}\n{yaml.safe_dump(recipe.as_text(), sort_keys=False)}")
    temporary.replace(kept)
    return RecipeFile(kept)


def _begun_from(recipe: Recipe, weights: str | None) -> Recipe:
    """The recipe with other weights to begin with, the backbone's among them."""
    return replace(recipe, start_from=weights, backbone_from=None)


def _check_start(recipe: Recipe, file: RecipeFile) -> None:
    try:
        start_of(recipe)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{file.path}: {_missing(recipe)}") from error


def start_of(recipe: Recipe) -> Path | None:
    """The file of weights that a recipe begins with; None for random ones.

    Raises:
        FileNotFoundError: there is none of that name.
        ValueError: the artifact cannot be used (ArtifactError).
    """
    return None if recipe.start_from is None else named_weights(recipe.start_from)


def named_weights(words: str) -> Path:
    """Weights as a recipe or the command line names them: a shipped artifact such as `fdkn_x8`, a file, or its folder.

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


def given_options(recipe: Path) -> Given:
    """What the command line gave where a recipe is the copy that was made for it; nothing for another file."""
    first = recipe.read_text().partition("\n")[0] if recipe.is_file() else ""
    mark = _MARK.fullmatch(first)
    return Given(mark["start"], int(mark["steps"] or 0)) if mark else Given()


def _missing(recipe: Recipe) -> str:
    ships = fitting_artifacts(recipe)
    also = f" (so do {', '.join(ships[1:])})" if ships[1:] else ""
    others = f"{ships[0]}` begins with weights that ship{also}" if ships else "WEIGHTS` begins with others"
    return f"starts from {recipe.start_from}, which is not there: `--start-from {others}"


def fitting_artifacts(recipe: Recipe) -> list[str]:
    """Names of the shipped artifacts whose weights a recipe's network takes, those of the nearest scale first."""
    network = create_model(recipe.model, scale=recipe.scale, **recipe.model_options)
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    found = []
    for name in list_artifacts():
        artifact = read_artifact(SHIPPED / name)
        if artifact.card.form is PAPERS and artifact.card.model == recipe.model and _shapes(artifact.weights) == shapes:
            found.append((abs(math.log2(artifact.card.scale / recipe.scale)), name))
    return [name for _, name in sorted(found)]


def _shapes(weights: Path) -> dict[str, Any]:
    with safe_open(weights, "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys() if not name.endswith(SCALE_SUFFIX)}  # noqa: SIM118
