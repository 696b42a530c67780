"""Before an engine serves, it must reproduce its artifact's golden frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, EngineError, Precision

TOLERANCE: dict[Precision, float] = {"fp32": 1e-4, "bf16": 2e-3, "fp16": 1e-3, "int8": 5e-3}
"""Largest accepted root mean square difference to PyTorch's float32, relative to the frame's depth range."""


@dataclass(frozen=True)
class SelfCheck:
    """Outcome: `error` is the RMS difference relative to the frame's depth range, `tolerance` what is accepted."""

    error: float
    tolerance: float
    valid_equal: bool

    @property
    def passed(self) -> bool:
        """Whether the engine may serve."""
        return self.valid_equal and self.error <= self.tolerance


def compare(outputs: Arrays, expected: Arrays, precision: Precision) -> SelfCheck:
    """Compares an engine's outputs on the golden frame with the expected ones."""
    wanted = expected["depth_hr"]
    known = expected["depth"][expected["depth"] > 0]
    with np.errstate(invalid="ignore"):
        difference = float(np.sqrt(np.mean((outputs["depth_hr"].astype(np.float64) - wanted) ** 2)))
    error = difference / float(known.max() - known.min())
    return SelfCheck(error, TOLERANCE[precision], bool(np.array_equal(outputs["valid"], expected["valid"])))


def check_engine(
    runtime: type[Engine], artifact: Artifact, precision: Precision, threads: int, plan: bytes | None = None
) -> SelfCheck:
    """Builds a runtime for the golden frame, or loads a plan of it, runs it and compares.

    Raises:
        EngineError: it cannot be built, fails, or is beyond tolerance; the message gives the numbers.
    """
    fixture = artifact.fixture()
    height, width = fixture["depth"].shape
    given: dict[str, Any] = {} if plan is None else {"plan": plan}
    with runtime(artifact, (height, width), precision, threads, **given) as engine:
        outputs = engine.run_graph({"rgb": fixture["rgb"], "depth": fixture["depth"]})
    check = compare(outputs, fixture, precision)
    if not check.passed:
        raise EngineError(
            f"engine {runtime.name} ({precision}) refused: on the golden frame of {artifact.card.name} its error is "
            f"{check.error:.2e} of the depth range, expected at most {check.tolerance:.0e}; validity "
            f"{'equal' if check.valid_equal else 'differs'}"
        )
    return check
