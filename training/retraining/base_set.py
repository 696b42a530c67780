"""The base set: what keeps a network from forgetting, and shows whether it did."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from training.datasets.pairs import Pair, load_pair, read_manifest
from training.datasets.procedural import ProceduralScenes
from training.recipes.recipe import DataOptions
from training.retraining.split import spread

_SCENES, _SIDE, _SEED = 16, 256, 900_001  # of the scenes to evaluate on; no recipe's seed is as large
_TRAIN = ("train", "synthetic")


@dataclass(frozen=True)
class BaseSet:
    """What the crops that are not of recordings come from, and the images to evaluate on.

    Attributes:
        folder: with a manifest; None uses synthetic scenes only.
        options: of a recipe: splits, shares that sum to 1 with those of synthetic scenes.
        dev_images: most images to evaluate on; 0 takes all of the manifest's split `dev`, or 16 synthetic scenes.
    """

    folder: Path | None
    options: DataOptions
    dev_images: int

    @property
    def words(self) -> str:
        """What it is, for people."""
        if self.folder is None:
            return "synthetic scenes only (no --data)"
        sets = ", ".join(f"{name} {share:.0%}" for name, share in self.options.shares.items())
        return f"{self.folder}: {sets}; synthetic scenes {self.options.procedural:.0%}"

    @property
    def dev_words(self) -> str:
        """What it is evaluated on, for people."""
        if self.folder is None:
            return f"{self.dev_images or _SCENES} synthetic scenes that were not trained on"
        return f"dev of {self.folder}" + (f", {self.dev_images} images" if self.dev_images else "")

    def dev(self) -> list[Pair]:
        """The images to evaluate on."""
        if self.folder is None:
            scenes = ProceduralScenes(_SIDE, _SIDE, seed=_SEED)
            return list(islice(scenes, self.dev_images or _SCENES))
        return [load_pair(entry) for entry in spread(read_manifest(self.folder, "dev"), self.dev_images)]


def base_set(folder: Path | None, recipe: DataOptions, dev_images: int) -> BaseSet:
    """The base set of a folder with a recipe's shares, as far as the folder has those sets.

    A folder that has none of them is taken by its own: every set of its training splits by its number of images.

    Raises:
        FileNotFoundError: no manifest there.
        ValueError: it has no images to train on, or none to evaluate on.
    """
    if folder is None:
        return BaseSet(None, DataOptions(procedural=1.0), dev_images)
    entries = read_manifest(folder)
    splits = tuple(split for split in _TRAIN if any(entry.split == split for entry in entries))
    if not splits or not any(entry.split == "dev" for entry in entries):
        found = sorted({entry.split for entry in entries})
        raise ValueError(f"{folder}: expected splits `train` and `dev` in its manifest.csv, found {found}")
    counts = Counter(entry.dataset for entry in entries if entry.split in splits)
    shares = _shares(counts, recipe.shares)
    synthetic = recipe.procedural / (recipe.procedural + sum(recipe.shares.values() or [1.0]))
    shares = {name: share * (1 - synthetic) for name, share in shares.items()}
    nth = {name: step for name, step in recipe.every_nth_frame.items() if name in shares}
    return BaseSet(folder.resolve(), DataOptions(splits, shares, nth, procedural=synthetic), dev_images)


def _shares(counts: Mapping[str, int], wanted: Mapping[str, float]) -> dict[str, float]:
    """Shares of sets that are there, which sum up to 1."""
    known = {name: share for name, share in wanted.items() if name in counts} or dict(counts)
    total = sum(known.values())
    return {name: share / total for name, share in known.items()}


def with_share(options: DataOptions, share: float) -> DataOptions:
    """The same with all shares multiplied."""
    shares = {name: one * share for name, one in options.shares.items()} if share else {}
    nth = options.every_nth_frame if share else {}
    return replace(options, shares=shares, every_nth_frame=nth, procedural=options.procedural * share)


def digest_of_images(pairs: Sequence[Pair]) -> str:
    """SHA-256 of names and pixels: whether two evaluations are of the same images."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(f"{pair.entry.name} {pair.target.shape}".encode())
        for pixels in (pair.rgb, pair.target, pair.valid):
            digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()
