"""Chooses an engine: the first in order of preference that is installed and passes its self-check."""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Engine, EngineError, EngineUnavailable, Precision
from depth_sr_ros.engines.selfcheck import check_engine

_RUNTIMES = {
    "tensorrt": ("depth_sr_ros.engines.tensorrt.engine", "TensorRtEngine"),
    "openvino": ("depth_sr_ros.engines.openvino", "OpenVinoEngine"),
    "onnxruntime": ("depth_sr_ros.engines.onnxruntime", "OnnxRuntimeEngine"),
    "torch": ("depth_sr_ros.engines.torch", "TorchEngine"),
}

ENGINE_NAMES: tuple[str, ...] = ("auto", *_RUNTIMES)
"""Values of the `engine` parameter; after `auto` in order of preference."""

PRECISIONS: tuple[str, ...] = ("auto", "fp32", "bf16", "fp16", "int8")
"""Values of the `precision` parameter."""

_INSTALL = {
    "tensorrt": "install TensorRT 10 or 11 from NVIDIA, or for RTX cards pip install 'depth_sr_ros[tensorrt]'",
    "openvino": "pip install openvino",
    "onnxruntime": "pip install onnxruntime",
    "torch": "pip install 'depth_sr_ros[training]'",
}

_log = logging.getLogger(__name__)


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
    """

    runtime: type[Engine]
    artifact: Artifact
    precision: Precision
    threads: int
    device: str
    reason: str

    def build(self, grid: tuple[int, int]) -> Engine:
        """Builds the engine for depth of size `grid` = (h, w). Raises EngineError."""
        return self.runtime(self.artifact, grid, self.precision, self.threads)


def choose_engine(artifact: Artifact, engine: str = "auto", precision: str = "auto", threads: int = 0) -> EngineChoice:
    """Finds the engine that shall serve an artifact.

    Args:
        artifact: what to run.
        engine: one of `ENGINE_NAMES`; `auto` takes the first that works, a name takes that one or fails.
        precision: one of `PRECISIONS`; `auto` takes what the engine prefers on this machine.
        threads: CPU threads, 0 for the runtime's own choice.

    Raises:
        EngineError: unknown name, or nothing works; the message says what was tried and what to install.
    """
    _expect("engine", engine, ENGINE_NAMES)
    _expect("precision", precision, PRECISIONS)
    passed_over: list[str] = []
    for name in _RUNTIMES if engine == "auto" else (engine,):
        try:
            runtime, chosen, device, found = _working(name, artifact, precision, threads)
        except EngineError as error:
            if engine != "auto":
                raise
            quiet = isinstance(error, EngineUnavailable)  # hardware that is not there is no fault
            _log.log(logging.DEBUG if quiet else logging.WARNING, "%s; trying the next engine", error)
            passed_over.append(str(error))
            continue
        why = "first in order of preference that works here" if engine == "auto" else "asked for"
        reason = f"{name} {found}: {why}"
        return EngineChoice(runtime, artifact, chosen, threads, device, "; passed over: ".join([reason, *passed_over]))
    raise EngineError("no engine works here: " + "; ".join(passed_over))


def _working(
    name: str, artifact: Artifact, precision: str, threads: int
) -> tuple[type[Engine], Precision, str, str]:
    """Runtime, precision, device and a description of an engine that passed its self-check; else EngineError."""
    runtime = load_runtime(name)
    try:
        chosen, device = _precision(runtime, precision), runtime.device()
        check = check_engine(runtime, artifact, chosen, threads)
        return runtime, chosen, device, f"{runtime.version()} {chosen} on {device}, self-check {check.error:.1e}"
    except EngineError:
        raise
    except Exception as error:  # a broken installation raises whatever it meets first
        raise EngineError(
            f"engine {name}: expected a working installation, found {type(error).__name__}: {error}; {_INSTALL[name]}"
        ) from error


def load_runtime(name: str) -> type[Engine]:
    """The engine class of a runtime.

    Raises:
        EngineUnavailable: the machine lacks the hardware.
        EngineError: the runtime is not installed; the message gives the command.
    """
    module, cls = _RUNTIMES[name]
    runtime: type[Engine] = getattr(importlib.import_module(module), cls)
    runtime.check_machine()
    try:
        runtime.version()
    except ImportError as error:
        raise EngineError(f"engine {name}: not installed ({error}); {_INSTALL[name]}") from error
    return runtime


def _precision(runtime: type[Engine], wanted: str) -> Precision:
    offered = runtime.precisions()
    for precision in offered:
        if wanted in ("auto", precision):
            return precision
    raise EngineError(
        f"engine {runtime.name}: expected precision auto or {' or '.join(offered)} on this machine, found {wanted!r}"
    )


def _expect(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise EngineError(f"{name}: expected one of {known}, found {value!r}; change the `{name}` setting")
