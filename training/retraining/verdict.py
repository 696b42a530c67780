"""Whether new weights may take the place of the old ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.retraining.evaluation import held_means, recordings
from training.retraining.settings import Margins


@dataclass(frozen=True)
class Verdict:
    """The decision.

    Attributes:
        promoted: whether the new weights may serve.
        held: change of the mean RMSE on held frames, as a share; negative is better.
        base: the same on the base set under the protocol that decides.
        reasons: why they are refused; empty where they are not.
        notes: what is worth knowing all the same.
    """

    promoted: bool
    held: float
    base: float
    reasons: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def words(self) -> str:
        """The decision in one sentence."""
        found = f"held frames {per_cent(self.held)}, base set {per_cent(self.base)}"
        return f"promoted: {found}" if self.promoted else f"refused: {'; '.join(self.reasons)}"


def judge_weights(before: Mapping[str, Any], after: Mapping[str, Any], decides: str, margins: Margins) -> Verdict:
    """Compares what the old and the new weights did on the same images.

    Args:
        before: of `evaluate_both`.
        after: likewise.
        decides: protocol of the base set.
        margins: by how much errors may grow.
    """
    held = _change(held_means(before)["rmse"], held_means(after)["rmse"])
    base = _change(before["base"][decides]["mean"], after["base"][decides]["mean"])
    reasons = [
        f"{what} got worse by {per_cent(change)}, at most {100 * margin:g} % is allowed"
        for what, change, margin in (
            ("held frames", held, margins.held),
            (f"the base set ({decides})", base, margins.base),
        )
        if not change <= margin
    ]
    return Verdict(not reasons, held, base, tuple(reasons), tuple(_notes(before, after, decides)))


def _notes(before: Mapping[str, Any], after: Mapping[str, Any], decides: str) -> list[str]:
    notes = []
    for name in recordings(before):
        change = _change(held_means(before, name)["rmse"], held_means(after, name)["rmse"])
        if change > 0:
            notes.append(f"recording {name} alone got worse by {per_cent(change)}")
    for name, entry in after["base"].items():
        change = _change(before["base"][name]["mean"], entry["mean"])
        if name != decides and change > 0:
            notes.append(f"base set under {name}, which does not decide, got worse by {per_cent(change)}")
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
