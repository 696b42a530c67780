"""Durations per stage: a fixed-size memory of the newest samples, summarised only when somebody reports."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

import numpy as np

STAGES = (
    "sync_wait", "mailbox_wait", "decode", "prepare", "engine", "finish", "publish", "overhead", "total",
    "age_at_publish",
)  # fmt: skip
"""Stages of a frame: waiting for the partner, waiting for the inference thread, and the work itself.

`overhead` is all that the inference thread does for a frame outside the engine. `total` runs from the receipt of the
later message to published, `age_at_publish` from the depth stamp to published.
"""


class Summary(NamedTuple):
    """Median, 95th percentile and maximum of the remembered samples."""

    p50: float
    p95: float
    max: float


class Reservoir:
    """Remembers the newest samples.

    Args:
        size: samples remembered.
    """

    def __init__(self, size: int = 1024) -> None:
        self._samples = np.zeros(size)
        self._count = 0
        self._lock = Lock()

    def add(self, sample: float) -> None:
        """Remembers one sample in place of the oldest."""
        with self._lock:
            self._samples[self._count % len(self._samples)] = sample
            self._count += 1

    def summary(self) -> Summary | None:
        """Percentiles of what is remembered, None without samples."""
        with self._lock:
            known = self._samples[: self._count].copy()
        if known.size == 0:
            return None
        p50, p95 = np.percentile(known, [50, 95])
        return Summary(float(p50), float(p95), float(known.max()))


class LatencyBook:
    """One reservoir per stage, milliseconds."""

    def __init__(self) -> None:
        self._reservoirs = {stage: Reservoir() for stage in STAGES}

    def add(self, milliseconds: Mapping[str, float]) -> None:
        """Enters one frame's durations by stage."""
        for stage, duration in milliseconds.items():
            self._reservoirs[stage].add(duration)

    def summaries(self) -> dict[str, Summary]:
        """Summary of every stage that has samples."""
        found = {stage: reservoir.summary() for stage, reservoir in self._reservoirs.items()}
        return {stage: summary for stage, summary in found.items() if summary is not None}
