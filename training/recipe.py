"""A training recipe: one YAML file per model and scale, read into frozen dataclasses.

Unknown keys are refused by name, so that a misspelt setting cannot be lost.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml

Section = TypeVar("Section")


@dataclass(frozen=True)
class DataOptions:
    """What to train on.

    Attributes:
        splits: manifest splits to draw from.
        shares: share of crops per data set; sets not named are left out.
        every_nth_frame: keep every n-th file of a set, for clips whose frames are nearly alike.
    """

    splits: tuple[str, ...] = ("train",)
    shares: Mapping[str, float] = field(default_factory=dict)
    every_nth_frame: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CropSettings:
    """The recipe's part of `training.datasets.crops.CropOptions`; the scale comes from the recipe itself."""

    size: int = 256
    enlargements: tuple[float, ...] = (1.0,)
    colour_jitter: float = 0.0
    invert: float = 0.0
    reciprocal: float = 0.0
    degradations: Mapping[str, float] = field(default_factory=lambda: {"bicubic": 1.0})

    def __post_init__(self) -> None:
        if self.invert + self.reciprocal > 1:
            raise ValueError(f"crops: invert + reciprocal must be at most 1, found {self.invert} + {self.reciprocal}")


@dataclass(frozen=True)
class OptimiserOptions:
    """Adam. `learning_rate` is the peak, after which a cosine falls to zero."""

    learning_rate: float = 1e-3
    clip_gradient_norm: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run does.

    Attributes:
        model: registry name.
        scale: integer ratio of the two resolutions.
        model_options: further options of the network.
        start_from: weights file to start from, or None.
        seed: of weights and crops.
        data: see `DataOptions`.
        crops: see `CropSettings`.
        batch_size: crops per step.
        optimiser: see `OptimiserOptions`.
        precision: Lightning's word: `32-true`, `bf16-mixed`, `16-mixed`.
        max_steps: the run ends after so many steps ...
        max_minutes: ... or so many minutes, whichever comes first.
        evaluate_every: steps between evaluations on the dev split.
    """

    model: str
    scale: int
    model_options: Mapping[str, Any] = field(default_factory=dict)
    start_from: str | None = None
    seed: int = 0
    data: DataOptions = DataOptions()
    crops: CropSettings = CropSettings()
    batch_size: int = 4
    optimiser: OptimiserOptions = OptimiserOptions()
    precision: str = "32-true"
    max_steps: int = 1000
    max_minutes: float = 60.0
    evaluate_every: int = 500

    def __post_init__(self) -> None:
        for name in ("scale", "batch_size", "max_steps", "max_minutes", "evaluate_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected more than 0, found {getattr(self, name)}")
        if self.crops.size % self.scale or self.crops.size <= 0:
            raise ValueError(f"crops.size: expected a multiple of scale {self.scale}, found {self.crops.size}")
        unknown = set(self.data.every_nth_frame) - set(self.data.shares)
        if unknown:
            raise ValueError(f"data.every_nth_frame: {sorted(unknown)} not among the sets in data.shares")


def load_recipe(path: Path) -> Recipe:
    """Reads a recipe file.

    Raises:
        FileNotFoundError: no such file; the message lists the recipes that ship.
        ValueError: an unknown or missing key, named together with the nearest known one.
    """
    path = Path(path)
    if not path.is_file():
        shipped = sorted(p.stem for p in (Path(__file__).parent / "recipes").glob("*.yaml"))
        raise FileNotFoundError(f"{path}: no such recipe file; those that ship in training/recipes are {shipped}")
    try:
        raw = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: expected YAML, found {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path}: expected a mapping of settings, found {type(raw).__name__}")
    for key, section in (("data", DataOptions), ("crops", CropSettings), ("optimiser", OptimiserOptions)):
        raw[key] = _section(section, raw.get(key) or {}, f"{path}: {key}")
    return _section(Recipe, raw, str(path))


def _section(cls: type[Section], values: Mapping[str, Any], where: str) -> Section:
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            raise ValueError(
                f"{where}: unknown setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
                + f" Known: {sorted(fields)}"
            )
    frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    for key, value in frozen.items():
        _check_type(f"{where}: {key}", value, str(fields[key].type))
    try:
        return cls(**frozen)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _check_type(where: str, value: Any, annotation: str) -> None:
    """Numbers must be numbers: YAML 1.1 reads `1e-3` as text."""
    expected: tuple[type, ...] | None = {"int": (int,), "float": (int, float), "str": (str,)}.get(annotation)
    if expected is None:
        return
    if isinstance(value, bool) or not isinstance(value, expected):
        hint = "; write 1.0e-3, YAML reads 1e-3 as text" if annotation == "float" and isinstance(value, str) else ""
        raise ValueError(f"{where}: expected {annotation}, found {value!r}{hint}")
    if isinstance(value, int | float) and not value >= 0:
        raise ValueError(f"{where}: expected 0 or more, found {value!r}")
