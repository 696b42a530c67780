"""Chooses an engine: the first in order of preference that is installed and passes its self-check.

An engine that needs a plan and has none cannot serve yet: it is named in `EngineChoice.wanted`, and the next one is
taken.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Engine, EngineError, EngineMemoryError, EngineUnavailable, Precision
from depth_sr_ros.engines.plans.build import PlanRequest, obtain_plan
from depth_sr_ros.engines.plans.cache import PlanCache
from depth_sr_ros.engines.plans.key import PlanKey, plan_key
from depth_sr_ros.engines.plans.planned import PlannedEngine
from depth_sr_ros.engines.selfcheck import check_engine

RUNTIMES = {
    "tensorrt": ("depth_sr_ros.engines.tensorrt.engine", "TensorRtEngine"),
    "torch-cuda": ("depth_sr_ros.engines.torch.cuda_engine", "TorchCudaEngine"),
    "openvino": ("depth_sr_ros.engines.openvino.plan", "PlannedOpenVinoEngine"),
    "onnxruntime": ("depth_sr_ros.engines.onnxruntime", "OnnxRuntimeEngine"),
    "torch": ("depth_sr_ros.engines.torch.engine", "TorchEngine"),
}
"""Module and class of every engine, by name, in order of preference."""

ENGINE_NAMES: tuple[str, ...] = ("auto", *RUNTIMES)
"""Values of the `engine` parameter; after `auto` in order of preference."""

PRECISIONS: tuple[str, ...] = ("auto", "fp32", "bf16", "fp16", "int8")
"""Values of the `precision` parameter."""

INSTALL = {
    "tensorrt": "install TensorRT 10 or 11 from NVIDIA, or for RTX cards pip install 'depth_sr_ros[tensorrt]'",
    "torch-cuda": "pip install 'depth_sr_ros[cuda]'",
    "openvino": "pip install openvino",
    "onnxruntime": "pip install onnxruntime",
    "torch": "pip install 'depth_sr_ros[training]'",
}
"""What to do where an engine is not installed."""

FOR_GPU = ("tensorrt", "torch-cuda")
"""Engines that need an NVIDIA GPU."""

_log = logging.getLogger(__name__)


Wanted = tuple[type[PlannedEngine], Precision]
Refused = Mapping[tuple[str, Precision], str]
"""Engines, by name and precision, that turned out not to load their plan here, and why."""


class NoPlanError(EngineError):
    """An engine that needs a plan, and none is there that it takes."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine that passed its self-check, to be built for any size.

    Attributes:
        runtime: its class.
        artifact: what it runs.
        precision: of the network body.
        threads: CPU threads, 0 for the runtime's own choice.
        device: what it runs on.
        reason: one sentence: which engine, why, and which ones were passed over.
        plans: where plans lie.
        builds: a plan that is missing is built on the spot, which may take minutes.
        wanted: engines that would be preferred, in this order, if they had a plan.
        stands_in: nothing that was asked for can serve yet; this serves until something can.
    """

    runtime: type[Engine]
    artifact: Artifact
    precision: Precision
    threads: int
    device: str
    reason: str
    plans: PlanCache = field(default_factory=PlanCache)
    builds: bool = True
    wanted: tuple[Wanted, ...] = ()
    stands_in: bool = False

    def build(self, grid: tuple[int, int]) -> Engine:
        """Builds the engine for depth of size `grid` = (h, w), from its plan where it has one.

        Raises:
            NoPlanError: it needs a plan for this size, and may not build one, or cannot replace the one it refuses.
            EngineMemoryError: there is not enough memory to load its plan, which stays.
            EngineError: it cannot be built.
        """
        if not issubclass(self.runtime, PlannedEngine):
            return self.runtime(self.artifact, grid, self.precision, self.threads)
        request = PlanRequest(self.runtime, self.artifact, grid, self.precision)
        plan = self.plans.find(request.key())
        removed, refusal = True, ""
        if plan is not None:
            try:
                return self.runtime(self.artifact, grid, self.precision, self.threads, plan)
            except EngineMemoryError:
                raise
            except EngineError as error:
                removed, refusal = _discard(self.plans, request.key(), error), str(error)
        if self.runtime.quick(self.precision):
            return self.runtime(self.artifact, grid, self.precision, self.threads)
        if refusal and not (removed and self.builds):
            raise NoPlanError(f"{request}: expected a plan that can be loaded here, found that it cannot: {refusal}")
        if not self.builds:
            raise NoPlanError(f"{request}: no plan yet; build it with `depth-sr compile`")
        _log.warning("%s: no plan yet; building it now, which may take minutes", request)
        plan = obtain_plan(request, self.plans)
        return self.runtime(self.artifact, grid, self.precision, self.threads, plan)


def choose_engine(
    artifact: Artifact,
    engine: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    *,
    plans: PlanCache | None = None,
    builds: bool = True,
    grid: tuple[int, int] | None = None,
    refused: Refused | None = None,
) -> EngineChoice:
    """Finds the engine that shall serve an artifact.

    Args:
        artifact: what to run.
        engine: one of `ENGINE_NAMES`; `auto` takes the first that works, a name takes that one or fails.
        precision: one of `PRECISIONS`; `auto` takes what the engine prefers on this machine: on a
            CPU the fastest whose error on the artifact's card is within 1 % of that of fp32.
        threads: CPU threads, 0 for the runtime's own choice.
        plans: where plans lie; None takes the default folder.
        builds: whether an engine asked for by name may build the plan it lacks when it is first needed. If not,
            another engine serves in its place.
        grid: (h, w) of the depth input that it must be able to serve at once; None leaves that open.
        refused: engines to pass over, as if they had no plan, and why.

    Raises:
        EngineError: unknown name, or nothing works; the message says what was tried and what to install.
    """
    _expect("engine", engine, ENGINE_NAMES)
    _expect("precision", precision, PRECISIONS)
    search = _Search(artifact, threads, PlanCache() if plans is None else plans, grid, refused or {})
    by_name = engine != "auto"
    found = search.first((engine,) if by_name else tuple(RUNTIMES), precision, by_name)
    if found is None and search.wanted and by_name and builds:
        found = search.unbuilt()
    stands_in = found is None and bool(search.wanted)
    if stands_in:
        wanted = tuple(search.wanted)
        found = search.first(tuple(RUNTIMES), "auto", False)
        search.wanted = list(wanted)
    if found is None:
        raise EngineError("no engine works here: " + "; ".join(search.passed_over))
    runtime, chosen, device, description = found
    why = "asked for" if by_name else "first in order of preference that works here"
    if stands_in:
        why = f"stands in for {search.wanted[0][0].name} {search.wanted[0][1]}"
    reason = "; passed over: ".join([f"{runtime.name} {description}: {why}", *dict.fromkeys(search.passed_over)])
    return EngineChoice(
        runtime, artifact, chosen, threads, device, reason, search.plans, builds, tuple(search.wanted), stands_in
    )


_Found = tuple[type[Engine], Precision, str, str]


@dataclass
class _Search:
    """A walk through the runtimes; what it passes over it notes down."""

    artifact: Artifact
    threads: int
    plans: PlanCache
    grid: tuple[int, int] | None
    refused: Refused
    passed_over: list[str] = field(default_factory=list)
    wanted: list[Wanted] = field(default_factory=list)

    def first(self, names: tuple[str, ...], precision: str, must: bool) -> _Found | None:
        """Runtime, precision, device and description of the first that can serve now; `must` raises its error."""
        for name in names:
            try:
                found = self._working(name, precision)
            except EngineError as error:
                if must:
                    raise
                quiet = isinstance(error, EngineUnavailable)
                _log.log(logging.DEBUG if quiet else logging.WARNING, "%s; trying the next engine", error)
                self.passed_over.append(str(error))
                continue
            if found is not None:
                return found
        return None

    def unbuilt(self) -> _Found:
        """The wanted engine, although it has no plan: it checks itself when its plan is built."""
        runtime, precision = self.wanted.pop(0)
        self.passed_over.clear()
        return runtime, precision, runtime.device(), f"{runtime.version()} {precision}, plan built when it is needed"

    def _working(self, name: str, precision: str) -> _Found | None:
        runtime = load_runtime(name)
        refused: list[str] = []
        try:
            device = runtime.device()
            for offered in _precisions(runtime, self.artifact, precision):
                try:
                    checked = self._checked(runtime, offered)
                except EngineError as error:
                    refused.append(str(error))
                    continue
                if checked is not None:
                    for reason in refused:
                        _log.warning("%s; %s serves", reason, offered)
                    found = f"{runtime.version()} {offered} on {device}, {checked}"
                    return runtime, offered, device, " after ".join([found, *refused])
            if refused:
                raise EngineError("; ".join(refused))
        except EngineError:
            raise
        except Exception as error:  # a broken installation raises whatever it meets first
            install = INSTALL[name]
            raise EngineError(
                f"engine {name}: expected a working installation, found {type(error).__name__}: {error}; {install}"
            ) from error
        return None

    def _checked(self, runtime: type[Engine], precision: Precision) -> str | None:
        """Outcome of the self-check; None where a plan is needed and there is none that can be loaded."""
        if not issubclass(runtime, PlannedEngine):
            return f"self-check {check_engine(runtime, self.artifact, precision, self.threads).error:.1e}"
        if (runtime.name, precision) in self.refused:
            self._pass_over(runtime, precision, self.refused[runtime.name, precision])
            return None
        why = f"engine {runtime.name} ({precision}): no plan yet"
        key = plan_key(runtime, self.artifact, self.grid, precision)
        for known in self.plans.sizes(key) if self.grid is None else [key]:
            plan = self.plans.find(known)
            if plan is None:
                continue
            try:
                check = check_engine(runtime, self.artifact, precision, self.threads, plan)
            except EngineError as error:
                if not isinstance(error, EngineMemoryError):
                    _discard(self.plans, known, error)
                why = str(error)
                continue
            return f"self-check {check.error:.1e}, from its plan"
        if runtime.quick(precision):
            return f"self-check {check_engine(runtime, self.artifact, precision, self.threads).error:.1e}"
        self._pass_over(runtime, precision, why)
        return None

    def _pass_over(self, runtime: type[PlannedEngine], precision: Precision, why: str) -> None:
        self.wanted.append((runtime, precision))
        self.passed_over.append(why)


def _discard(plans: PlanCache, key: PlanKey, error: EngineError) -> bool:
    """Removes a plan that cannot be loaded; whether that succeeded."""
    removed = plans.discard(key)
    _log.warning("%s; its plan is %s", error, "removed" if removed else "not used")
    return removed


def load_runtime(name: str) -> type[Engine]:
    """The engine class of a runtime.

    Raises:
        EngineUnavailable: the machine lacks the hardware.
        EngineError: the runtime is not installed; the message gives the command.
    """
    module, cls = RUNTIMES[name]
    try:
        runtime: type[Engine] = getattr(importlib.import_module(module), cls)
        runtime.check_machine()
        runtime.version()
    except ImportError as error:
        # few machines have a GPU: to be without its runtime is nothing to warn of
        missing = EngineUnavailable if name in FOR_GPU else EngineError
        raise missing(f"engine {name}: not installed ({error}); {INSTALL[name]}") from error
    return runtime


def planned_runtimes() -> tuple[list[type[PlannedEngine]], list[str]]:
    """Engines with plans that can be used here, best first, and a sentence about each that cannot."""
    usable: list[type[PlannedEngine]] = []
    reasons: list[str] = []
    for name in RUNTIMES:
        try:
            runtime = load_runtime(name)
        except EngineError as error:
            reasons.append(str(error))
            continue
        if issubclass(runtime, PlannedEngine):
            usable.append(runtime)
    return usable, reasons


def _precisions(runtime: type[Engine], artifact: Artifact, wanted: str) -> list[Precision]:
    offered = runtime.precisions_of(artifact)
    fitting = [precision for precision in offered if wanted in ("auto", precision)]
    if not fitting:
        advice = "; make an artifact that has it with `depth-sr quantise`" if wanted == "int8" else ""
        raise EngineError(
            f"engine {runtime.name}: expected precision auto or {' or '.join(offered)} on this machine for "
            f"{artifact.card.name}, found {wanted!r}{advice}"
        )
    return fitting


def _expect(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise EngineError(f"{name}: expected one of {known}, found {value!r}; change the `{name}` setting")
