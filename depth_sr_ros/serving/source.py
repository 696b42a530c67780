"""Where the engine supply gets deployments, upsamplers and plans from."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from depth_sr_ros.engines import BuildState, PlanProcess, PlanRequest
from depth_sr_ros.serving.deployment import Deployment, deploy
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.kept_artifacts import KeptArtifacts
from depth_sr_ros.upsampler import Upsampler


class PlanBuild(Protocol):
    """A plan that is being built; see `PlanProcess`."""

    @property
    def state(self) -> BuildState:
        """How far it is."""
        ...

    def wait(self, timeout: float) -> bool:
        """Waits for the end; whether it came. Raises EngineError where the build failed."""
        ...

    def stop(self) -> None:
        """Ends it, finished or not."""
        ...


class EngineSource(Protocol):
    """See the module. Used from one thread at a time."""

    def deploy(self, settings: EngineSettings, held: Deployment | None) -> Deployment:
        """The deployment that settings stand for now; see `deployment.deploy`. Raises UpsamplerError."""
        ...

    def upsampler(self, deployment: Deployment) -> Upsampler:
        """An upsampler for it that never waits for a plan. Raises UpsamplerError."""
        ...

    def build(self, request: PlanRequest) -> PlanBuild:
        """Starts to build a plan. Raises OSError."""
        ...

    def release_all_but(self, used: Collection[Path]) -> None:
        """Lets go of copies of weights; see `KeptArtifacts`."""
        ...


class LocalEngines:
    """The source of this machine: plans are built in processes of their own, weights of one's own are copied.

    Args:
        settings: those that name the folder of plans and copies.
    """

    def __init__(self, settings: EngineSettings) -> None:
        self._plans = settings.plans()
        self._kept = KeptArtifacts(self._plans.folder / "weights")

    def deploy(self, settings: EngineSettings, held: Deployment | None) -> Deployment:
        """See `EngineSource`."""
        return deploy(settings, self._kept, held)

    def upsampler(self, deployment: Deployment) -> Upsampler:
        """See `EngineSource`."""
        return deployment.upsampler()

    def build(self, request: PlanRequest) -> PlanBuild:
        """See `EngineSource`."""
        return PlanProcess(request, self._plans)

    def release_all_but(self, used: Collection[Path]) -> None:
        """See `EngineSource`."""
        self._kept.release_all_but(used)
