"""Turns TensorRT's account of a build into a share of the work and a word about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from depth_sr_ros.engines.plans.planned import Progress
from depth_sr_ros.engines.tensorrt.library import TensorRt


def progress_monitor(library: TensorRt, progress: Progress | None) -> Any:
    """A monitor for a build's configuration; None where nobody listens or TensorRT cannot say."""
    if progress is None or not library.reports_progress:
        return None
    return _monitor_class(library.module)(progress)


@dataclass
class _Phase:
    """A phase's place in the whole, and how many of its steps are done."""

    origin: float
    span: float
    steps: int
    done: int = 0

    @property
    def share(self) -> float:
        return self.origin + self.span * self.done / self.steps


class PhaseShares:
    """Progress of a build, from nested phases.

    A phase takes the room of its parent's current step. The share never goes back, whatever order phases come in.
    """

    def __init__(self) -> None:
        self._phases: dict[str, _Phase] = {}
        self.done = 0.0
        """Share of the work, 0 to 1."""

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase with a number of steps begins, at top level or inside another one."""
        outer = self._phases.get(parent or "")
        origin, span = (0.0, 1.0) if outer is None else (outer.share, outer.span / outer.steps)
        self._phases[name] = _Phase(origin, span, max(steps, 1))

    def step(self, name: str, index: int) -> None:
        """Step `index` of a phase, counted from 0, is done."""
        phase = self._phases.get(name)
        if phase is not None:
            phase.done = min(index + 1, phase.steps)
            self.done = max(self.done, min(phase.share, 1.0))

    def finish(self, name: str) -> None:
        """A phase is over."""
        phase = self._phases.pop(name, None)
        if phase is not None:
            self.done = max(self.done, min(phase.origin + phase.span, 1.0))


@cache
def _monitor_class(module: Any) -> Any:
    """TensorRT's interface can be subclassed only once the module is there."""

    class Monitor(module.IProgressMonitor):
        def __init__(self, progress: Progress) -> None:
            super().__init__()
            self._progress, self._shares = progress, PhaseShares()

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._shares.start(phase_name, parent_phase, num_steps)
            self._progress(self._shares.done, phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            self._shares.step(phase_name, step)
            self._progress(self._shares.done, phase_name)
            return True  # False would cancel the build

        def phase_finish(self, phase_name: str) -> None:
            self._shares.finish(phase_name)

    return Monitor
