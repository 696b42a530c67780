"""The engine that serves a stream of frames: one at a time in memory, built for the size of the newest frame.

Weights may change with the frames' sizes; each is chosen an engine for once, by its self-check.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Engine, EngineMemoryError, Precision
from depth_sr_ros.engines.plans.build import PlanRequest
from depth_sr_ros.engines.plans.cache import PlanCache
from depth_sr_ros.engines.select import EngineChoice, NoPlanError, Refused, choose_engine

Grid = tuple[int, int]


@dataclass(frozen=True)
class EngineWishes:
    """What is wanted of an engine; see `select.choose_engine` for the meaning of each."""

    engine: str = "auto"
    precision: str = "auto"
    threads: int = 0
    plans: PlanCache = field(default_factory=PlanCache)
    builds: bool = True


class CurrentEngine:
    """Chooses engines for weights, and keeps the one that is built. Used from one thread at a time.

    Args:
        wishes: what is wanted of an engine.
    """

    def __init__(self, wishes: EngineWishes) -> None:
        self._wishes = wishes
        self._choices: dict[Path, EngineChoice] = {}
        self._built: tuple[Path, Grid, Engine] | None = None

    def choice(self, artifact: Artifact) -> EngineChoice:
        """The engine that serves these weights.

        Raises:
            EngineError: none can.
        """
        if artifact.folder not in self._choices:
            self._choices[artifact.folder] = self._choose(artifact)
        return self._choices[artifact.folder]

    def at(self, artifact: Artifact, grid: Grid) -> Engine:
        """The engine for a size, built where it is not the one in memory.

        Args:
            artifact: the weights.
            grid: (height, width) of the depth given to it.

        Raises:
            EngineError: it cannot be built, and no other may stand in.
        """
        if self._built is None or self._built[:2] != (artifact.folder, grid):
            self.close()
            self._built = artifact.folder, grid, self._build(artifact, grid)
        return self._built[2]

    def wanted_plans(self) -> tuple[PlanRequest, ...]:
        """Plans for the newest frame's size that would let a preferred engine serve, best first; empty before it."""
        if self._built is None:
            return ()
        folder, grid, _ = self._built
        choice = self._choices[folder]
        return tuple(PlanRequest(runtime, choice.artifact, grid, precision) for runtime, precision in choice.wanted)

    def close(self) -> None:
        """Frees the engine's memory; calling it again is fine, and a further frame builds it anew."""
        if self._built is not None:
            self._built[2].close()
            self._built = None

    def _choose(self, artifact: Artifact, grid: Grid | None = None, refused: Refused | None = None) -> EngineChoice:
        w = self._wishes
        return choose_engine(
            artifact, w.engine, w.precision, w.threads, plans=w.plans, builds=w.builds, grid=grid, refused=refused
        )

    def _build(self, artifact: Artifact, grid: Grid) -> Engine:
        choice = self.choice(artifact)
        refused: dict[tuple[str, Precision], str] = {}
        while True:
            try:
                return choice.build(grid)
            except (NoPlanError, EngineMemoryError) as error:  # what was checked was another size
                tried = choice.runtime.name, choice.precision
                if tried in refused:  # asked for by name, and nothing may stand in
                    raise
                refused[tried] = str(error)
                choice = self._choices[artifact.folder] = self._choose(artifact, grid, refused)
