"""Whether weights may have seen, in training, the scenes that they are evaluated on; and what else a table must say.

Sets of one publisher overlap under several names: Lu's 30 pairs are Middlebury scenes of 2001 to 2006, and a manifest's
`middlebury2006_third` holds scenes of `middlebury2006`. Within one set, its splits keep training and testing apart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from training.datasets.pairs import PairEntry
from training.recipe import Recipe
from training.stages import stages

_LU = "middlebury-lu"
_YEARS = {_LU: {"2001", "2003", "2005", "2006"}} | {
    f"middlebury{year}": {year} for year in ("2001", "2003", "2005", "2006", "2014")
}
_HOLES = {
    name: "a 0 is a hole here and not counted; the papers count it as a value (`--options zero_is_valid=true` does so)"
    for name in ("lu", _LU)
}


def sets_of_facts(facts: Mapping[str, Any] | None) -> frozenset[str]:
    """Names of the data sets of a training and of all stages before it, as on a card or in `training.json`."""
    return frozenset(name for stage in stages(facts) for name in stage.get("data") or ())


def sets_of_run(recipe: Recipe, weights: Path) -> frozenset[str]:
    """Those of a recipe, and of the run or artifact that weights lie in, where it says so."""
    named = frozenset(recipe.data.shares) | frozenset(recipe.data.collections)
    facts = weights.parent / "training.json"
    return named | (sets_of_facts(json.loads(facts.read_text())) if facts.is_file() else frozenset())


def overlapping(dataset: str, trained_on: Iterable[str]) -> list[str]:
    """Those of the sets trained on that may hold scenes of a publisher's data set under another name."""
    years = _YEARS.get(dataset, set())
    return sorted(name for name in trained_on if name != dataset and years & _years(name))


def _years(name: str) -> set[str]:
    return set(re.findall(r"20\d\d", name)) if name.startswith("middlebury") else set()


def notes_on(entry: PairEntry, method: str, trained_on: Iterable[str]) -> Iterator[str]:
    """What a table with a method's results on an image has to say.

    Args:
        entry: the image.
        method: as it is printed.
        trained_on: names of the data sets that it learned from.
    """
    if entry.dataset in _HOLES and not entry.zero_is_valid:
        yield _HOLES[entry.dataset]
    if found := overlapping(entry.dataset, trained_on):
        yield (
            f"{method} was trained on scenes of {', '.join(found)}, which may be among these: it may have seen what it "
            "is tested on, as the papers' networks have not"
        )
