"""What live weights do on held frames and on simulated ones, and whether new weights may take the place of old ones.

A network is judged as in training (`training.fitting.live.validation`): by its error over another's, overall and at
depth edges, mean over both and over the cameras.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from depth_sr_ros.models import LiveNetwork
from training.datasets.live.dev import DevCrop
from training.fitting.live.validation import LiveEvaluation
from training.retraining.settings import Margins
from training.retraining.verdict import Verdict, per_cent

HELD = "held"
"""Name of the set of held frames."""

Found = Mapping[str, Sequence[Mapping[str, Any]]]
"""What `score_live` gives: by set, by camera or recording, `camera`, `measures` by method, `honest`."""

_DECIDE = ("mae", "edges")


class LiveJudge:
    """Scores networks on the same crops.

    Args:
        sets: crops by the name of the set; those of `HELD` are of recordings.
    """

    def __init__(self, sets: Mapping[str, Sequence[DevCrop]]) -> None:
        self._sets = {name: LiveEvaluation(crops) for name, crops in sets.items()}

    def score(self, network: LiveNetwork) -> dict[str, Any]:
        """Errors of a network, of the start image and of the filter, in millimetres, for JSON."""
        found = {name: [asdict(one) for one in evaluate(network)] for name, evaluate in self._sets.items()}
        plain: dict[str, Any] = _written(found)
        return plain


def _written(value: Any) -> Any:
    """JSON knows no NaN: an error that could not be measured is None."""
    if isinstance(value, Mapping):
        return {key: _written(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_written(one) for one in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


def change(
    after: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    method: str = "network",
    measures: Sequence[str] = _DECIDE,
) -> float:
    """By which share the errors of `after`'s network are larger than those of a method in `before`; less is better.

    Mean over cameras and over the measures, where both have one; NaN where none has.
    """
    ratios = [
        new["measures"]["network"][name] / old["measures"][method][name]
        for new, old in zip(after, before, strict=True)
        for name in measures
        if new["measures"]["network"][name] is not None and old["measures"][method][name]
    ]
    return float(np.mean(ratios)) - 1 if ratios else math.nan


@dataclass(frozen=True)
class LiveVerdict(Verdict):
    """The decision. Errors are those of `change`; `base` is of simulated crops, by set.

    Attributes:
        to_filter: as `held`, against the filter that serves without weights.
    """

    to_filter: float

    @property
    def changes(self) -> str:
        """What changed by how much."""
        base = ", ".join(f"{name} {per_cent(change)}" for name, change in self.base.items())
        return f"held frames {per_cent(self.held)}, against the filter {per_cent(self.to_filter)}; {base}"


def judge_live(before: Found, after: Found, margins: Margins) -> LiveVerdict:
    """Compares what the old weights, the new ones and the filter did on the same crops.

    Args:
        before: what the old weights did.
        after: what the new ones did.
        margins: the change on held frames has to be below `held`, of the mean over both measures and of the overall
            error alone; that on simulated crops at most `base`.
    """
    held = change(after[HELD], before[HELD])
    to_filter = change(after[HELD], before[HELD], "filter")
    base = {name: change(after[name], before[name]) for name in before if name != HELD}
    limit = f"expected better than {per_cent(margins.held)}"
    overall = [change(after[HELD], before[HELD], method, ("mae",)) for method in ("network", "filter")]
    compared = (
        ("the old weights", held),
        ("the filter", to_filter),
        ("the old weights, edges not counted apart", overall[0]),
        ("the filter, edges not counted apart", overall[1]),
    )
    reasons = [
        f"held frames {per_cent(found)} against {what}, {limit}" for what, found in compared if not found < margins.held
    ]
    reasons += [
        f"{name} got worse by {per_cent(found)}, at most {100 * margins.base:g} % is allowed"
        for name, found in base.items()
        if not found <= margins.base
    ]
    return LiveVerdict(not reasons, held, base, tuple(reasons), tuple(_notes(before, after)), to_filter)


def _notes(before: Found, after: Found) -> list[str]:
    pairs = zip(before[HELD], after[HELD], strict=True)
    alone = [(old["camera"], change([new], [old])) for old, new in pairs]
    return [f"recording {name} alone got worse by {per_cent(found)}" for name, found in alone if found > 0]
