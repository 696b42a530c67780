"""What was asked of a retraining, and whether a folder belongs to the same one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from depth_sr_ros.models.weights import Storage
from training.extraction.bag_task import ExtractionOptions
from training.extraction.manifest import replace_file
from training.extraction.shards import to_json
from training.recipes.live_recipe import load_live_recipe
from training.recipes.names import RECIPES, RecipeFile
from training.recipes.recipe import load_recipe

REQUEST = "retraining.json"


@dataclass(frozen=True)
class SplitOptions:
    """Which frames are held out to judge by.

    Attributes:
        held: recordings, by name or beginning of their hash; none leaves it to `held_share`.
        held_share: share of recordings held out by their hash.
        in_time: hold out the last part of every recording instead of whole recordings.
        tail: that part.
    """

    held: tuple[str, ...] = ()
    held_share: float = 0.2
    in_time: bool = False
    tail: float = 0.25


@dataclass(frozen=True)
class TrainingOptions:
    """How the weights are trained.

    Attributes:
        recipe: where the rest comes from; `base/retrain` leaves live weights to a recipe of their own.
        minutes: the run's length; 0 for no limit.
        steps: most steps; 0 leaves it to the recipe.
        learning_rate: 0 leaves it to the recipe.
        base_share: share of crops that are not of the recordings.
        crop: side of a crop in pixels; 0 leaves it to the recipe, or to smaller recordings.
        workers: processes that prepare crops; -1 leaves it to the recipe.
        seed: of crops.
    """

    recipe: RecipeFile = RecipeFile(RECIPES / "base" / "retrain.yaml")
    minutes: float = 12.0
    steps: int = 0
    learning_rate: float = 0.0
    base_share: float = 0.5
    crop: int = 0
    workers: int = -1
    seed: int = 31

    def __post_init__(self) -> None:
        if not 0 <= self.base_share < 1:
            raise ValueError(f"--base-share: expected 0 to below 1, found {self.base_share}")
        if min(self.minutes, self.steps, self.learning_rate, self.crop) < 0 or not self.minutes + self.steps:
            raise ValueError(
                "expected --minutes or --steps above 0 and nothing below it, found "
                f"{self.minutes:g} minutes, {self.steps} steps, learning rate {self.learning_rate:g}, crop {self.crop}"
            )


@dataclass(frozen=True)
class Margins:
    """By how much errors may grow before weights are refused, as shares: 0.01 is one per cent.

    Attributes:
        held: of the mean RMSE on held frames.
        base: of the mean RMSE on the base set, under each protocol that is reported.
    """

    held: float = 0.0
    base: float = 0.01


@dataclass(frozen=True)
class Settings:
    """Everything that was asked for.

    Attributes:
        bags: bags, and folders with bags below them.
        out: folder of the retraining.
        model: registry name of the network.
        scale: its scale; 0 for live weights.
        start: artifact to go on from; None takes the shipped one.
        data: folder with a manifest of base data; None uses synthetic scenes only.
        extraction: how bags become shards.
        split: which frames are held.
        training: how to train.
        dev_images: most images of the base set to evaluate on, spread evenly; 0 takes all.
        held_images: most held frames to evaluate on, likewise.
        margins: what decides on promotion.
        storage: how the new weights are kept.
        engine_cache: where plans of engines lie; None takes the default.
        poses: folder of poses inside recordings, for live weights, see `training.retraining.live.sources`.
    """

    bags: tuple[Path, ...]
    out: Path
    model: str = "fdkn"
    scale: int = 8
    start: Path | None = None
    data: Path | None = None
    extraction: ExtractionOptions = field(default_factory=ExtractionOptions)
    split: SplitOptions = SplitOptions()
    training: TrainingOptions = TrainingOptions()
    dev_images: int = 0
    held_images: int = 100
    margins: Margins = Margins()
    storage: Storage = "fp16"
    engine_cache: Path | None = None
    poses: str = ""

    def identity(self, weights: str, bags: list[str]) -> dict[str, Any]:
        """What decides on the new weights and on what is measured of them; margins do not.

        Recipe and base set are told by what is in their files, too: those may change under the same name.

        Args:
            weights: what tells the weights apart that it starts from.
            bags: hashes of the recordings.
        """
        return {
            "recordings": sorted(bags),
            "model": self.model,
            "scale": self.scale,
            "from": weights,
            "data": None if self.data is None else [str(self.data.resolve()), _digest_of_listing(self.data)],
            "split": asdict(self.split),
            "training": asdict(self.training) | {"recipe": self._recipe_words()},
            "dev_images": self.dev_images,
            "held_images": self.held_images,
            "storage": self.storage,
            **({} if self.scale else {"poses": self.poses}),
        }

    def _recipe_words(self) -> str:
        recipe = self.training.recipe
        if not self.scale:
            given = recipe != TrainingOptions().recipe
            return f"{recipe.name} ({digest_of(load_live_recipe(recipe).as_text())[:12]})" if given else "retrain_live"
        return f"{recipe.name} ({digest_of(load_recipe(recipe).as_text())[:12]})"


def digest_of(value: Any) -> str:
    """SHA-256 of what JSON can hold."""
    return hashlib.sha256(to_json(value)).hexdigest()


def _digest_of_listing(data: Path) -> str:
    return hashlib.sha256((data / "manifest.csv").read_bytes()).hexdigest()[:12]


def check_folder(out: Path) -> None:
    """Raises ValueError where a folder holds something that is no retraining."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out}: expected a folder, found a file; choose another --out")
    if out.is_dir() and not (out / REQUEST).is_file() and any(p.name not in _BEGUN for p in out.iterdir()):
        raise ValueError(f"{out}: expected a new folder or one that `retrain` began, found something else in it")


_BEGUN = {"shards", "recordings", "frames", ".lock"}  # what is there before the request is written


def claim(out: Path, identity: dict[str, Any]) -> None:
    """Makes a folder this retraining's own. Raises OSError where it cannot be written."""
    if not (out / REQUEST).is_file():
        replace_file(out / REQUEST, to_json(identity))


def check_claim(out: Path, identity: dict[str, Any]) -> None:
    """Raises ValueError where a folder belongs to another retraining; the message names what differs."""
    path, wanted = out / REQUEST, json.loads(to_json(identity))
    if not path.is_file():
        return
    try:
        known = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: damaged ({error}); choose another --out") from error
    differing = sorted(key for key in {*wanted, *known} if wanted.get(key) != known.get(key))
    if differing:
        found = "; ".join(f"{key}: {_short(known.get(key))}, now {_short(wanted.get(key))}" for key in differing)
        raise ValueError(f"{out} belongs to another retraining: {found}. Choose another --out, or the same settings")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
