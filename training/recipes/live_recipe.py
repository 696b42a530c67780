"""Recipes of live networks: `fdkn_live` is `training/recipes/live/fdkn.yaml`.

They have no scale, and no degradations by name: scenes and the ranges of cameras say what is seen.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.recipes.names import RECIPES, RecipeFile
from training.recipes.recipe import OptimiserOptions
from training.recipes.strict import build_section, read_settings

FOLDER = RECIPES / "live"
_NAME = re.compile(r"(?P<model>\w+)_live")


@dataclass(frozen=True)
class LiveRecipe:
    """Everything that decides what a training run of a live network does.

    Attributes:
        model: registry name.
        model_options: further options of the network.
        start_from: weights to start from, a file; None draws them.
        seed: of weights and crops.
        scenes: share of the crops by kind of scene, see `training.datasets.live.opening`; those that it has there
            where empty.
        size: side of the crops, pixels.
        margin: pixels around a crop that the depth camera sees, too.
        batch_size: crops per step.
        loss: weights of the terms, see `training.fitting.live_objective`; those that it has there where not named.
        optimiser: see `OptimiserOptions`. Its schedule goes by steps.
        precision: Lightning's word: `32-true`, `bf16-mixed`.
        average_weights: decay per step of the running average of the weights that is evaluated and kept; 0 keeps the
            weights themselves.
        max_steps: the run ends after so many steps; it may be changed when a run is resumed.
        max_minutes: the run ends after so many minutes, and its learning rate comes down with them; 0 for no limit.
        evaluate_every: steps between evaluations.
        checkpoint_every: steps between checkpoints, apart from that of each evaluation.
        workers: processes that prepare crops.
    """

    model: str
    model_options: Mapping[str, Any] = field(default_factory=dict)
    start_from: str | None = None
    seed: int = 0
    scenes: Mapping[str, float] = field(default_factory=dict)
    size: int = 224
    margin: int = 40
    batch_size: int = 4
    loss: Mapping[str, float] = field(default_factory=dict)
    optimiser: OptimiserOptions = OptimiserOptions()
    precision: str = "32-true"
    average_weights: float = 0.0
    max_steps: int = 1000
    max_minutes: float = 0.0
    evaluate_every: int = 500
    checkpoint_every: int = 250
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("size", "batch_size", "max_steps", "evaluate_every", "checkpoint_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected more than 0, found {getattr(self, name)}")
        if not self.max_minutes >= 0:
            raise ValueError(f"max_minutes: expected 0 or more, found {self.max_minutes}")
        if self.average_weights >= 1:
            raise ValueError(f"average_weights: expected less than 1, found {self.average_weights}")

    def as_text(self) -> dict[str, Any]:
        """All settings, as they are after having been written to JSON and read again."""
        settings: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return settings


def find_live_recipe(words: str) -> RecipeFile | None:
    """The file of a live recipe, by its name or path; None where the words mean another kind of recipe."""
    name = _NAME.fullmatch(words)
    if name is not None:
        path = FOLDER / f"{name['model']}.yaml"
        return RecipeFile(path) if path.is_file() else None
    path = Path(words)
    return RecipeFile(path) if path.is_file() and path.resolve().parent == FOLDER else None


def list_live_recipes() -> list[str]:
    """Names of the live recipes that ship."""
    return sorted(f"{path.stem}_live" for path in FOLDER.glob("*.yaml"))


def load_live_recipe(file: RecipeFile) -> LiveRecipe:
    """Reads a live recipe.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown or missing key, named together with the nearest known one.
    """
    raw = read_settings(file.path, {"optimiser": OptimiserOptions})
    raw["optimiser"] = build_section(OptimiserOptions, raw.get("optimiser") or {}, f"{file.path}: optimiser")
    return build_section(LiveRecipe, raw, str(file.path))
