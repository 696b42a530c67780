"""Whether weights may have seen, in training, the scenes that they are evaluated on; and what else a table must say.

Sets of one publisher overlap under several names: Lu's 30 pairs are Middlebury scenes of 2001 to 2006, and a manifest's
`middlebury2006_third` holds scenes of `middlebury2006`. Within one set, splits keep training and testing apart where
they are of one cut: NYU's `dada-test` holds images of its `train`, and every split is in `all`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from training.datasets.pairs import PairEntry
from training.recipes.provenance import provenance_of
from training.recipes.recipe import Recipe

_LU = "middlebury-lu"
_YEARS = {_LU: {"2001", "2003", "2005", "2006"}} | {
    f"middlebury{year}": {year} for year in ("2001", "2003", "2005", "2006", "2014")
}
_DADA = "dada-"
_HELD_BACK = ("dev", "val", "test")
_HOLES = {
    name: "a 0 is a hole here and not counted; the papers count it as a value (`--options zero_is_valid=true` does so)"
    for name in ("lu", _LU)
}


def sets_of_weights(weights: Path) -> frozenset[str]:
    """Data sets of all stages that led to weights, as far as the folder of a run or an artifact tells them.

    Names, with the split behind a colon where it is told: `nyu:dada-train`.
    """
    return sets_of_stages(provenance_of(weights).stages)


def sets_of_stages(stages: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The same of a record's stages, see `training.recipes.provenance`."""
    return frozenset(
        _with_split(name, (stage.get("splits") or {}).get(name)) for stage in stages for name in stage.get("data") or ()
    )


def sets_of_run(recipe: Recipe, weights: Path) -> frozenset[str]:
    """Those of a recipe, and of the run or artifact that weights lie in, where it says so."""
    collections = recipe.data.collections.items()
    named = frozenset(recipe.data.shares) | {_with_split(name, one.split) for name, one in collections}
    return named | sets_of_weights(weights)


def _with_split(name: str, split: str | None) -> str:
    return f"{name}:{split}" if split else name


def overlapping(dataset: str, split: str, trained_on: Iterable[str]) -> list[str]:
    """Those of the sets trained on that may hold scenes of a split: under another name, or cut otherwise.

    Args:
        dataset: of a publisher.
        split: its part that is evaluated.
        trained_on: see `sets_of_weights`; a set without a split is taken for all that are not held back by name.
    """
    dataset = _plain(dataset)
    years = _YEARS.get(dataset, set())
    found = set()
    for words in trained_on:
        name, _, trained = words.partition(":")
        if _share_images(trained, split) if _plain(name) == dataset else years & _years(name):
            found.add(words)
    return sorted(found)


def _plain(name: str) -> str:
    """The name of a set whose images this one has in another form."""
    return name.removesuffix("-pixel").removesuffix("-metric").removesuffix("-lr")


def _share_images(trained: str, split: str) -> bool:
    if not trained:
        return split not in _HELD_BACK
    return split == trained or "all" in (split, trained) or split.startswith(_DADA) != trained.startswith(_DADA)


def _years(name: str) -> set[str]:
    return set(re.findall(r"20\d\d", name)) if name.startswith("middlebury") else set()


def notes_on(entry: PairEntry, method: str, trained_on: Iterable[str]) -> Iterator[str]:
    """What a table with a method's results on an image has to say.

    Args:
        entry: the image.
        method: as it is printed.
        trained_on: data sets that it learned from, see `sets_of_weights`.
    """
    if entry.dataset in _HOLES and not entry.zero_is_valid:
        yield _HOLES[entry.dataset]
    if entry.dataset == "sintel":
        yield f"Sintel: ours are of the {entry.rgb.parent.parent.name} pass"
    if found := overlapping(entry.dataset, entry.split, trained_on):
        yield (
            f"{method} was trained on scenes of {', '.join(found)}, which may be among these: it may have seen test "
            "images in training, unlike the papers' networks"
        )
