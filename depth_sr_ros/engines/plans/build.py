"""Builds a plan once, whoever asks for it and however many ask at a time, and records it when it has proved right."""

from __future__ import annotations

import time
from dataclasses import dataclass

from depth_sr_ros.artifact import Artifact, ArtifactError, read_artifact
from depth_sr_ros.engines.base import EngineError, Precision
from depth_sr_ros.engines.plans.cache import PlanCache
from depth_sr_ros.engines.plans.key import PlanKey, plan_key
from depth_sr_ros.engines.plans.planned import PlannedEngine, Progress
from depth_sr_ros.engines.selfcheck import check_engine

_BUILT = 0.95
"""Share of the work that is done when the runtime has built the plan and the check begins."""


@dataclass(frozen=True)
class PlanRequest:
    """A plan that is wanted.

    Attributes:
        runtime: class of the engine.
        artifact: what it shall run.
        grid: (h, w) of the depth input.
        precision: of the network body.
    """

    runtime: type[PlannedEngine]
    artifact: Artifact
    grid: tuple[int, int]
    precision: Precision

    def key(self) -> PlanKey:
        """What the plan depends on, on this machine."""
        return plan_key(self.runtime, self.artifact, self.grid, self.precision)

    def __str__(self) -> str:
        card = self.artifact.card
        height, width = card.form.image_size(self.grid, card.scale)
        return f"{self.runtime.name} {self.precision} of {card.name} for {width}x{height}"


def obtain_plan(request: PlanRequest, cache: PlanCache, progress: Progress | None = None) -> bytes:
    """The plan out of the cache, or built, checked on the golden frame, and recorded there.

    Where another process builds the same plan, this one waits for it and takes its plan.

    Args:
        request: which plan.
        cache: where it lies or shall lie.
        progress: told how far it is.

    Raises:
        EngineError: it cannot be built, is beyond tolerance on the golden frame, or the artifact changed meanwhile.
        PlanCacheError: the folder cannot be written.
    """
    tell = progress or (lambda share, text: None)
    key = request.key()
    plan = cache.find(key)
    if plan is not None:
        return plan
    with cache.building(key, lambda holder: tell(0.0, f"waiting for {holder}, which is building the same plan")):
        plan = cache.read(key)
        return plan if plan is not None else _build(request, key, cache, tell)


def _build(request: PlanRequest, key: PlanKey, cache: PlanCache, tell: Progress) -> bytes:
    runtime, artifact, precision = request.runtime, request.artifact, request.precision
    began = time.monotonic()
    try:
        plan = runtime.build_plan(artifact, request.grid, precision, lambda share, text: tell(_BUILT * share, text))
    except EngineError:
        raise
    except Exception as error:  # a runtime's own types
        raise EngineError(f"engine {runtime.name}: cannot build a plan: {type(error).__name__}: {error}") from error
    seconds = time.monotonic() - began
    tell(_BUILT, "checking on the golden frame")
    check = check_engine(runtime, artifact, precision, 0, plan)
    _expect_unchanged(request, key)
    cache.record(key, plan, seconds, check)
    tell(1.0, "recorded")
    return plan


def _expect_unchanged(request: PlanRequest, key: PlanKey) -> None:
    """New weights may be put in an artifact's place at any time; a plan must not be recorded as that of others."""
    folder = request.artifact.folder
    try:
        same = plan_key(request.runtime, read_artifact(folder), request.grid, request.precision) == key
    except (ArtifactError, OSError):
        same = False
    if not same:
        raise EngineError(f"{folder}: the artifact changed while its plan was being built; build again")
