"""The stages of weights in the form of earlier versions, in which each stage held those before it.

`training.json` and cards had the facts of the last stage and under `earlier` those of the stage that it began with. A
mean has several parents: `earlier` is the last of the runs averaged, and `averaged_in` lists the stages that only the
others went through, without what they began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]
"""Facts of a training, as `training.json` and a card's `training` held them."""

_LINKS = ("earlier", "averaged_in")
# a remark on a card, not of the stage
_REMARKS = ("selected_on",)
# what a stage of today has under the same name is something else
_NAMES = {"weights": "weights_file"}


def stages_of_facts(facts: Facts) -> list[dict[str, Any]]:
    """All stages of weights, in the form of `training.recipes.provenance`.

    What these facts do not tell is None: the parents of what was averaged in and of means, and all sums of weights.

    Args:
        facts: of the weights; what is no mapping of facts gives no stages.
    """
    found: list[dict[str, Any]] = []
    for stage, parents in _flat(facts):
        name = free_id(str(stage.get("recipe") or _kind(stage)), found)
        own = {_NAMES.get(key, key): value for key, value in _without_remarks(stage).items()}
        links = {"parents": None if parents is None else [found[number]["id"] for number in parents]}
        unknown = {"start_weights": None, "weights": None, "unknown": "sums of weights were not recorded"}
        found.append({"id": name, "kind": _kind(stage), **links, **unknown, **own})
    return found


def free_id(name: str, stages: Sequence[Facts]) -> str:
    """A name for a stage that none of others has: this one, or with a number behind it."""
    taken = {stage["id"] for stage in stages}
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free


def _flat(facts: Facts | None) -> list[tuple[dict[str, Any], list[int] | None]]:
    """Each stage once, after those that it builds on, with the numbers of its parents where they are known."""
    if not isinstance(facts, Mapping) or not facts:
        return []
    found = _flat(facts.get("earlier"))
    begun = len(found) - 1
    for stage in facts.get("averaged_in") or ():
        if not any(_same(stage, other) for other, _ in found):
            found.append((dict(stage), None))
    own = {key: value for key, value in facts.items() if key not in _LINKS}
    parents = None if "averaged" in facts else [begun] if begun >= 0 else []
    return found if any(_same(own, other) for other, _ in found) else [*found, (own, parents)]


def _kind(stage: Facts) -> str:
    kinds = {"averaged": "average", "grown": "grow", "shrunk": "shrink", "steps": "train", "recipe": "train"}
    return next((kind for word, kind in kinds.items() if word in stage), "import")


def _same(one: Facts, other: Facts) -> bool:
    return _without_remarks(one) == _without_remarks(other)


def _without_remarks(stage: Facts) -> dict[str, Any]:
    return {key: value for key, value in stage.items() if key not in _REMARKS}
