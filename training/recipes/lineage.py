"""The stages that weights went through: every training, growing, shrinking and averaging that led to them.

`training.json` and cards hold the facts of the last stage and under `earlier` those of the stage that it began with. A
mean has several parents: `earlier` is the last of the runs averaged, and `averaged_in` lists the stages that only the
others went through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]
"""Facts of a training, as `training.json` and a card's `training` hold them."""

_LINKS = ("earlier", "averaged_in")
# a remark on a card, not of the stage
_REMARKS = ("selected_on",)


def stages(facts: Facts | None) -> list[dict[str, Any]]:
    """All stages of weights, each once and after those that it builds on, without their links to each other.

    Args:
        facts: of the weights; None for weights of which nothing is known.
    """
    found: list[dict[str, Any]] = []
    if isinstance(facts, Mapping) and facts:
        own = {key: value for key, value in facts.items() if key not in _LINKS}
        for stage in (*stages(facts.get("earlier")), *facts.get("averaged_in", ()), own):
            if not any(_same(stage, other) for other in found):
                found.append(dict(stage))
    return found


def averaged_in(runs: Sequence[Facts]) -> list[dict[str, Any]]:
    """Stages of runs that are averaged which the last of them did not go through, in the order of `stages`.

    Args:
        runs: facts of each.
    """
    found: list[dict[str, Any]] = []
    known = stages(runs[-1])
    for run in runs[:-1]:
        for stage in stages(run):
            if not any(_same(stage, other) for other in (*known, *found)):
                found.append(stage)
    return found


def _same(one: Facts, other: Facts) -> bool:
    return _without_remarks(one) == _without_remarks(other)


def _without_remarks(stage: Facts) -> dict[str, Any]:
    return {key: value for key, value in stage.items() if key not in _REMARKS}
