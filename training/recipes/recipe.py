"""A training recipe: one YAML file per model and method, read into frozen dataclasses at one of its scales.

Unknown keys are refused by name, so that a misspelt setting cannot be lost. `recipes.strict` says how one recipe
begins from another.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.recipes.names import RecipeSource, find_recipe, resolve_extends
from training.recipes.strict import build_section, read_settings

SCHEDULES = ("cosine", "steps", "constant")
OPTIMISERS = ("adam", "muon")


@dataclass(frozen=True)
class Collection:
    """Part of a data set that is read in its publisher's layout, see `training.datasets.registry`.

    Attributes:
        split: what the data set calls it.
        share: share of the crops.
        first: number of the first image taken.
        count: how many are taken; 0 takes all that follow.
        folder: below the data folder; the data set's name where empty.
        options: of the data set.
    """

    split: str = "train"
    share: float = 1.0
    first: int = 0
    count: int = 0
    folder: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataOptions:
    """What to train on.

    Attributes:
        splits: manifest splits to draw from.
        shares: share of crops per data set of the manifest; sets not named are left out.
        every_nth_frame: keep every n-th file of a set, for clips whose frames are nearly alike.
        collections: data sets in their publishers' layouts, by name.
        procedural: share of crops from synthetic scenes, `training.datasets.procedural`.
        dev: collections to evaluate on; where there are none, the manifest's split `dev`.
    """

    splits: tuple[str, ...] = ("train",)
    shares: Mapping[str, float] = field(default_factory=dict)
    every_nth_frame: Mapping[str, int] = field(default_factory=dict)
    collections: Mapping[str, Collection] = field(default_factory=dict)
    procedural: float = 0.0
    dev: Mapping[str, Collection] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.every_nth_frame) - set(self.shares)
        if unknown:
            raise ValueError(f"data.every_nth_frame: {sorted(unknown)} not among the sets in data.shares")


@dataclass(frozen=True)
class CropSettings:
    """The recipe's part of `training.datasets.crops.CropOptions`; the scale comes from the recipe itself."""

    size: int = 256
    width: int = 0
    enlargements: tuple[float, ...] = (1.0,)
    colour_jitter: float = 0.0
    invert: float = 0.0
    reciprocal: float = 0.0
    rotation: float = 0.0
    flips: str = "all"
    valid_share: float = 0.5
    whole_range: float = 0.0
    degradations: Mapping[str, float] = field(default_factory=lambda: {"bicubic": 1.0})
    scales: tuple[float, float] | None = None
    windows: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a crop."""
        return self.size, self.width or self.size

    def __post_init__(self) -> None:
        if self.invert + self.reciprocal > 1:
            raise ValueError(f"crops: invert + reciprocal must be at most 1, found {self.invert} + {self.reciprocal}")


@dataclass(frozen=True)
class OptimiserOptions:
    """Adam, or Muon with Adam (`training.fitting.optimiser`).

    Attributes:
        name: `adam`, or `muon` for the weights of convolutions and linear layers with Adam for the rest. On two cores
            DAGF's training went down about twice as fast by steps with `muon`, whose steps take longer.
        learning_rate: at the start, which is also the peak.
        matrix_rate: what Muon's learning rate is of that.
        betas: decay of the running averages of the gradient and of its square.
        epsilon: Adam's.
        weight_decay: L2 penalty, added to the gradient; Adam's alone.
        clip_gradient_norm: longest gradient, per group of parameters; 0 leaves gradients alone.
        schedule: `cosine` falls to zero over the run's steps or minutes, whichever is further along; `steps` multiplies
            by `decay` every `decay_every` steps; `constant`.
        warmup_steps: steps over which the learning rate first rises from zero.
        decay_every: steps between the drops of `steps`.
        decay: factor of a drop.
    """

    name: str = "adam"
    learning_rate: float = 1e-3
    matrix_rate: float = 0.5
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip_gradient_norm: float = 1.0
    schedule: str = "cosine"
    warmup_steps: int = 0
    decay_every: int = 0
    decay: float = 0.1

    def __post_init__(self) -> None:
        if self.name not in OPTIMISERS:
            raise ValueError(f"optimiser.name: expected one of {OPTIMISERS}, found {self.name!r}")
        if self.name == "muon" and self.weight_decay:
            raise ValueError(f"optimiser.weight_decay: expected 0 with muon, found {self.weight_decay}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"optimiser.schedule: expected one of {SCHEDULES}, found {self.schedule!r}")
        if self.schedule == "steps" and self.decay_every <= 0:
            raise ValueError("optimiser.decay_every: the schedule `steps` needs the number of steps between drops")


@dataclass(frozen=True)
class DevOptions:
    """What is evaluated during training.

    Attributes:
        images: how many images of the dev split, spread evenly over it; 0 takes all.
        side: longest side in pixels; larger images are cut to their middle, for slow networks. 0 takes whole images.
        pictures: images that are drawn for TensorBoard.
    """

    images: int = 0
    side: int = 0
    pictures: int = 3


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run does.

    Attributes:
        model: registry name.
        scale: integer ratio of the two resolutions.
        model_options: further options of the network.
        start_from: weights to start from: the name of shipped ones (`fdkn_x8`), or a file; None draws them.
        start_anew: patterns of names of weights that are not taken from that file but drawn, as `levels.*.generator.*`.
        backbone_from: file of a ResNet's weights, as torchvision's of ImageNet, that the network's colour encoder
            starts from, see `networks.backbone`; None draws them. Not beside `start_from`, which holds all weights.
        seed: of weights, crops and whatever a network draws while it trains.
        data: see `DataOptions`.
        crops: see `CropSettings`.
        batch_size: crops per step, over all processes.
        micro_batch: crops that pass the network at a time, per process; their gradients add up to those of the batch.
            0 passes them all at once.
        queries: pixels per crop that are supervised, for a network that can evaluate some pixels only; 0 takes all.
        loss: weight of each loss, by its name in `fitting.losses`. For a network with several groups of parameters: a
            mapping of this kind for each group; their sum is minimised, and the network detaches what a loss
            should not reach.
        optimiser: see `OptimiserOptions`.
        precision: Lightning's word: `32-true`, `bf16-mixed`, `16-mixed`.
        average_weights: decay per step of the running average of the weights that is evaluated and kept; 0 keeps the
            weights themselves.
        max_steps: the run ends after so many steps ...
        max_minutes: ... or so many minutes, whichever comes first; 0 for no such limit, which makes a run repeatable to
            the last bit, since the learning rate then depends on the step alone.
        evaluate_every: steps between evaluations on the dev split.
        dev: see `DevOptions`.
        checkpoint_every: steps between checkpoints, apart from that of each evaluation.
        workers: processes that prepare crops.
        evaluation: protocols whose errors stand on an artifact's card, the main one first, see `fitting.run_artifact`.
    """

    model: str
    scale: int
    model_options: Mapping[str, Any] = field(default_factory=dict)
    start_from: str | None = None
    start_anew: tuple[str, ...] = ()
    backbone_from: str | None = None
    seed: int = 0
    data: DataOptions = DataOptions()
    crops: CropSettings = CropSettings()
    batch_size: int = 4
    micro_batch: int = 0
    queries: int = 0
    loss: Mapping[str, float | Mapping[str, float]] = field(default_factory=lambda: {"l1": 1.0})
    optimiser: OptimiserOptions = OptimiserOptions()
    precision: str = "32-true"
    average_weights: float = 0.0
    max_steps: int = 1000
    max_minutes: float = 60.0
    evaluate_every: int = 500
    dev: DevOptions = DevOptions()
    checkpoint_every: int = 250
    workers: int = 1
    evaluation: tuple[str, ...] = ("dkn-bicubic", "cell-median")

    def __post_init__(self) -> None:
        for name in ("scale", "batch_size", "max_steps", "evaluate_every", "checkpoint_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected more than 0, found {getattr(self, name)}")
        for name, side in zip(("size", "width"), self.crops.shape, strict=True):
            if side % self.scale or side <= 0:
                raise ValueError(f"crops.{name}: expected a multiple of scale {self.scale}, found {side}")
        if "scale" in self.model_options:
            raise ValueError("model_options.scale: the recipe's own `scale` says it; leave it out here")
        if not self.evaluation:
            raise ValueError("evaluation: expected at least one protocol, such as [dkn-bicubic]")
        if not self.loss:
            raise ValueError("loss: expected at least one, such as {l1: 1.0}")
        if self.start_anew and self.start_from is None:
            raise ValueError(f"start_anew: {list(self.start_anew)} needs start_from; without it all weights are drawn")
        if self.backbone_from is not None and self.start_from is not None:
            raise ValueError(
                f"backbone_from: {self.backbone_from} and start_from: {self.start_from}, which holds the encoder's "
                "weights too; leave one of them out"
            )
        if self.average_weights >= 1:
            raise ValueError(f"average_weights: expected less than 1, found {self.average_weights}")

    def as_text(self) -> dict[str, Any]:
        """All settings, as they are after having been written to JSON and read again."""
        settings: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return settings


_SECTIONS: dict[str, type[Any]] = {
    "data": DataOptions,
    "crops": CropSettings,
    "optimiser": OptimiserOptions,
    "dev": DevOptions,
}


def load_recipe(source: RecipeSource) -> Recipe:
    """Reads a recipe.

    Args:
        source: a name such as `fdkn_x8_local`, or a YAML file, see `training.recipes.names`.

    Raises:
        FileNotFoundError: no such recipe; the message lists those that ship.
        ValueError: an unknown or missing key, named together with the nearest known one.
    """
    file = find_recipe(source)
    path = file.path
    raw = read_settings(path, _SECTIONS, file.scale, resolve_extends)
    raw["data"] = _with_collections(raw.get("data") or {}, f"{path}: data")
    for key, section in _SECTIONS.items():
        raw[key] = build_section(section, raw.get(key) or {}, f"{path}: {key}")
    return build_section(Recipe, raw, str(path))


def _with_collections(data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        return data
    read = dict(data)
    for key in {"collections", "dev"} & read.keys():
        named = read[key] or {}
        if not isinstance(named, Mapping):
            raise ValueError(f"{where}.{key}: expected data sets by name, found {named!r}")
        read[key] = {name: build_section(Collection, v or {}, f"{where}.{key}.{name}") for name, v in named.items()}
    return read
