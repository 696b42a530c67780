"""Whether new weights may take the place of the old ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.retraining.held_scores import held_means, recordings
from training.retraining.settings import Margins


@dataclass(frozen=True)
class Verdict:
    """The decision.

    Attributes:
        promoted: whether the new weights may serve.
        held: change of the error on held frames, as a share; negative is better. Here it is their mean RMSE.
        base: the same on the base set, by protocol.
        reasons: why they are refused; empty where they are not.
        notes: what is worth knowing all the same.
    """

    promoted: bool
    held: float
    base: Mapping[str, float]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def words(self) -> str:
        """The decision in one sentence."""
        return f"promoted: {self.changes}" if self.promoted else f"refused: {'; '.join(self.reasons)}"

    @property
    def changes(self) -> str:
        """What changed by how much."""
        base = ", ".join(f"{name} {per_cent(change)}" for name, change in self.base.items())
        return f"held frames {per_cent(self.held)}, base set: {base}"


def judge_weights(before: Mapping[str, Any], after: Mapping[str, Any], margins: Margins) -> Verdict:
    """Compares what the old and the new weights did on the same images.

    Args:
        before: of `evaluate_both`.
        after: likewise.
        margins: by how much errors may grow.

    Raises:
        ValueError: the images are not the same.
    """
    _require_same_images(before, after)
    held = _change(held_means(before)["rmse"], held_means(after)["rmse"])
    base = {name: _change(entry["mean"], after["base"][name]["mean"]) for name, entry in before["base"].items()}
    reasons = [
        f"{what} got worse by {per_cent(change)}, at most {100 * margin:g} % is allowed"
        for what, change, margin in (
            ("held frames", held, margins.held),
            *((f"the base set ({name})", change, margins.base) for name, change in base.items()),
        )
        if not change <= margin
    ]
    return Verdict(not reasons, held, base, tuple(reasons), tuple(_notes(before, after)))


def _require_same_images(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    names = [
        {frame["name"] for frame in found["held"]} | {f"{p}: {n}" for p, e in found["base"].items() for n in e["rmse"]}
        for found in (before, after)
    ]
    if differing := sorted(names[0] ^ names[1]):
        raise ValueError(
            f"expected errors of the same images before and after, found {len(differing)} in only one of them, such as "
            f"{differing[0]}; remove before.json and after.json to have them evaluated again"
        )


def _notes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    notes = []
    for name in recordings(before):
        change = _change(held_means(before, name)["rmse"], held_means(after, name)["rmse"])
        if change > 0:
            notes.append(f"recording {name} alone got worse by {per_cent(change)}")
    return notes


def _change(before: float | None, after: float | None) -> float:
    """NaN where one of both is not finite, which is never within a margin."""
    if before is None or after is None:
        return math.nan
    if before == 0:
        return 0.0 if after == 0 else math.inf
    return after / before - 1


def per_cent(change: float) -> str:
    """A change with its sign."""
    return f"{100 * change:+.2f} %"
