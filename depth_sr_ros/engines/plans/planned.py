"""Engines whose compilation takes so long that its outcome, the plan, is kept."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import ClassVar

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Engine, Precision

Progress = Callable[[float, str], None]
"""Told the share that is done, 0 to 1, and what is being done; called from whatever thread builds."""


class PlannedEngine(Engine):
    """An engine that loads a plan, which it or another process built before.

    A plan serves two sizes, so that one and the same plan is checked and then serves: the depth grid it was built for,
    and the grid of the artifact's golden frame.

    Args:
        artifact: what to run.
        grid: (h, w) of the depth input, one of the plan's two.
        precision: that of the plan.
        threads: CPU threads, where the engine uses any.
        plan: as `build_plan` gave it; None builds one first.
    """

    plan_suffix: ClassVar[str]
    """How files of plans end, e.g. `.engine`."""

    def __init__(
        self,
        artifact: Artifact,
        grid: tuple[int, int],
        precision: Precision,
        threads: int = 0,
        plan: bytes | None = None,
    ) -> None:
        self.check_machine()  # before minutes are spent on a plan that cannot be loaded here
        self._plan = self.build_plan(artifact, grid, precision) if plan is None else plan
        super().__init__(artifact, grid, precision, threads)

    @classmethod
    @abc.abstractmethod
    def plan_conditions(cls, precision: Precision) -> Mapping[str, str]:
        """Everything but artifact, size and precision that a plan depends on.

        Full version of the runtime, device name, compute capability, builder flags. A plan is used under the
        conditions it was built under only.
        """

    @classmethod
    def quick(cls, precision: Precision) -> bool:
        """Whether an engine without a plan is ready in about the time that a first frame may wait.

        Then a plan only makes later starts quicker, and none is built unless somebody asks for it. Where this is
        False, another engine serves until the plan is there.
        """
        return False

    @classmethod
    @abc.abstractmethod
    def build_plan(
        cls,
        artifact: Artifact,
        grid: tuple[int, int],
        precision: Precision,
        progress: Progress | None = None,
    ) -> bytes:
        """Compiles the artifact's graph for a grid and for the golden frame's.

        Raises:
            EngineError: the runtime is missing or refuses the graph; the message says what to change.
        """
