"""Engines for tests of the engine supply: made at once, or when a test lets them, and computing nothing.

One engine, `gated`, needs a plan where `planned` is set; it is preferred then, and `openvino` serves until it has one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace

from depth_sr_ros.artifact import ArtifactError, find_artifact
from depth_sr_ros.engines import BuildState, PlanRequest
from depth_sr_ros.serving.deployment import Deployment
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.state import plan_name
from depth_sr_ros.upsampler import UpsamplerError, UpsamplerInfo


class FakeEngines:
    """A source of engines.

    Attributes:
        upsamplers: all that were made.
        builds: all that were started.
        gate: builds end when it is set.
        build_error: what they end with; None: with a plan.
        unloadable: why plans that were built cannot be loaded; empty: they can.
        preparing, closing: called by an upsampler that is prepared or closed, before it is.
        released: the folders that were in use, each time that others were let go of.
    """

    def __init__(self) -> None:
        self.planned = False
        self.upsamplers: list[FakeUpsampler] = []
        self.builds: list[FakeBuild] = []
        self.plans: set[str] = set()
        self.gate = threading.Event()
        self.build_error: Exception | None = None
        self.unloadable = ""
        self.preparing: Callable[[FakeUpsampler], None] = lambda upsampler: None
        self.closing: Callable[[FakeUpsampler], None] = lambda upsampler: None
        self.released: list[set[Path]] = []

    def deploy(self, settings: EngineSettings, held: Deployment | None) -> Deployment:
        try:
            return Deployment(settings, find_artifact(settings.model, settings.scale) if settings.scale else None)
        except ArtifactError as error:
            raise UpsamplerError(str(error)) from error

    def upsampler(self, deployment: Deployment) -> FakeUpsampler:
        self.upsamplers.append(FakeUpsampler(self, deployment))
        return self.upsamplers[-1]

    def build(self, request: PlanRequest) -> FakeBuild:
        self.builds.append(FakeBuild(self, request))
        return self.builds[-1]

    def release_all_but(self, used: Collection[Path]) -> None:
        self.released.append(set(used))

    def in_memory(self) -> list[FakeUpsampler]:
        return [upsampler for upsampler in self.upsamplers if upsampler.sizes]


class FakeUpsampler:
    """Takes the place of an `Upsampler`.

    Attributes:
        sizes: of the frames that its engine was made for; None while it is not in memory.
        closings: how often it was closed while it was.
    """

    def __init__(self, source: FakeEngines, deployment: Deployment) -> None:
        self.source, self.deployment = source, deployment
        self.sizes = None
        self.engine = "openvino" if deployment.settings.engine in ("auto", "gated") else deployment.settings.engine
        self.missing: tuple[PlanRequest, ...] = ()
        self.closings = 0

    def __call__(self, rgb, depth, cameras=None) -> None:
        self._load((rgb.shape[:2], depth.shape, cameras))

    def prepare(self, colour, depth, cameras=None) -> None:
        self.source.preparing(self)
        self._load((colour, depth, cameras))

    def _load(self, sizes) -> None:
        if sizes == self.sizes:
            return
        self.sizes = sizes
        if not self.source.planned or self.deployment.settings.engine not in ("auto", "gated"):
            return
        plan = PlanRequest(SimpleNamespace(name="gated"), self.deployment.artifact, sizes[1], "fp32")
        loads = plan_name(plan) in self.source.plans and not self.source.unloadable
        self.engine, self.missing = ("gated", ()) if loads else ("openvino", (plan,))

    def wanted_plans(self) -> tuple[PlanRequest, ...]:
        return self.missing

    def describe(self) -> UpsamplerInfo:
        artifact, asked = self.deployment.artifact, self.deployment.settings.engine
        if artifact is None:
            return UpsamplerInfo("live_filter", 0, "opencv", "fp32", "a filter", "", "CPU")
        return UpsamplerInfo(
            artifact.card.name, artifact.card.scale, self.engine, "fp32", self.source.unloadable or "it runs here",
            artifact.weights_id, "CPU", stands_in=asked == "gated" != self.engine,
        )  # fmt: skip

    def close(self) -> None:
        self.source.closing(self)
        self.closings += self.sizes is not None
        self.sizes = None


class FakeBuild:
    """Takes the place of a `PlanProcess`."""

    def __init__(self, source: FakeEngines, request: PlanRequest) -> None:
        self.source, self.request = source, request
        self.state = BuildState(0.25, "at the gate", 0.0)
        self.stopped = False

    def wait(self, timeout: float) -> bool:
        if not self.source.gate.wait(timeout):
            return False
        if self.source.build_error:
            raise self.source.build_error
        self.source.plans.add(plan_name(self.request))
        return True

    def stop(self) -> None:
        self.stopped = True
