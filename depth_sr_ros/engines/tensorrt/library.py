"""Finds TensorRT: the full one (10 or 11), or the one for RTX cards.

They share an API but for details, and what is used here are the calls that all of them have. What only some have is
found by looking, never by comparing versions.
"""

from __future__ import annotations

import importlib
import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

_log = logging.getLogger(__name__)

MODULES = ("tensorrt", "tensorrt_rtx")
"""In order of preference."""

# one call each that TensorRT 8 and 9 lack, or that a stub of the package lacks
_NEEDED = (
    ("Builder", "build_serialized_network"),
    ("OnnxParser", "parse"),
    ("NetworkDefinitionCreationFlag", "STRONGLY_TYPED"),
    ("IExecutionContext", "execute_async_v3"),
    ("ICudaEngine", "num_io_tensors"),
)

WORKSPACE = 2**30
"""Bytes of scratch memory that a layer may ask for: small GPUs share their memory with everything else."""


@dataclass(frozen=True)
class TensorRt:
    """An installed TensorRT.

    Attributes:
        module: the Python module.
        name: `tensorrt` or `tensorrt_rtx`.
        version: its full version.
    """

    module: Any
    name: str
    version: str

    @property
    def reports_progress(self) -> bool:
        """Whether a build can be watched."""
        return hasattr(self.module, "IProgressMonitor")

    @property
    def builds_for_other_gpus(self) -> bool:
        """Whether it can build for GPUs that this machine does not have."""
        return hasattr(self.module, "ComputeCapability") and hasattr(
            self.module.IBuilderConfig, "set_compute_capability"
        )

    def other_gpus(self) -> list[str]:
        """Compute capabilities that it can build for on any machine, e.g. `SM86`."""
        if not self.builds_for_other_gpus:
            return []
        return sorted((n for n in self.module.ComputeCapability.__members__ if n.startswith("SM")), key=_number)

    def logger(self) -> Any:
        """A logger that keeps errors in `.errors` and hands everything to Python's logging."""
        return _logger_class(self.module)()


def find_tensorrt() -> TensorRt:
    """The TensorRT that is installed.

    Raises:
        ImportError: there is none that will do; the message says what was found instead.
    """
    found = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # a package without its libraries raises whatever it meets first
            found.append(f"{name}: {error}")
            continue
        missing = [f"{cls}.{call}" for cls, call in _NEEDED if not hasattr(getattr(module, cls, None), call)]
        if not missing:
            return TensorRt(module, name, str(module.__version__))
        version = getattr(module, "__version__", "unknown version")
        found.append(f"{name} {version} lacks {', '.join(missing)}; TensorRT 10 or later is needed")
    raise ImportError("; ".join(found))


@cache
def _logger_class(module: Any) -> Any:
    """TensorRT's logger interface can be subclassed only once the module is there."""
    severity = module.ILogger
    levels = {severity.INTERNAL_ERROR: logging.ERROR, severity.ERROR: logging.ERROR, severity.WARNING: logging.INFO}

    class Logger(module.ILogger):
        def __init__(self) -> None:
            super().__init__()
            self.errors: list[str] = []

        def log(self, kind: Any, text: str) -> None:
            level = levels.get(kind, logging.DEBUG)
            if level >= logging.ERROR:
                self.errors.append(text.strip())
            # errors end up in an exception's message; here they would be told twice
            _log.log(min(level, logging.INFO), "%s: %s", module.__name__, text)

    return Logger


def _number(capability: str) -> int:
    return int("".join(c for c in capability if c.isdigit()))
