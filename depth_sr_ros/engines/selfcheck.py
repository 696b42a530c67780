"""Before an engine serves, it must reproduce its artifact's golden frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, EngineError, Precision
from depth_sr_ros.frame_graphs import LIVE

TOLERANCE: dict[Precision, float] = {"fp32": 1e-4, "bf16": 2e-3, "fp16": 1e-3, "int8": 5e-3}
"""Largest accepted root mean square difference to PyTorch's float32, relative to the frame's depth range."""
LIVE_TOLERANCE: dict[Precision, float] = {"fp32": 1e-5, "bf16": 2e-3, "fp16": 5e-4, "int8": 5e-3}
"""Largest accepted mean difference of the live frame graph's depth, relative to each pixel's depth.

A mean, since a pixel in doubt between two surfaces may well go to the other one in fewer digits, and no range, since a
frame may hold a pixel that is very far.
"""
LIVE_ERROR_TOLERANCE: dict[Precision, float] = {"fp32": 1e-3, "bf16": 5e-2, "fp16": 2e-2, "int8": 1e-1}
"""Largest accepted mean difference of the expected error, relative to each pixel's own."""


@dataclass(frozen=True)
class SelfCheck:
    """Outcome.

    Attributes:
        error: difference of depth to the expected one, as `TOLERANCE` or `LIVE_TOLERANCE` has it.
        tolerance: what is accepted.
        other_agrees: whether the other output does: validity is equal, the expected error within its tolerance.
    """

    error: float
    tolerance: float
    other_agrees: bool

    @property
    def passed(self) -> bool:
        """Whether the engine may serve."""
        return self.other_agrees and self.error <= self.tolerance


def compare(outputs: Arrays, expected: Arrays, precision: Precision) -> SelfCheck:
    """Compares an engine's outputs on the golden frame with the expected ones."""
    if "expected_error" in expected:
        error, other = (_relative(outputs[name], expected[name]) for name in LIVE.outputs)
        return SelfCheck(error, LIVE_TOLERANCE[precision], other <= LIVE_ERROR_TOLERANCE[precision])
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
    given: dict[str, Any] = {} if plan is None else {"plan": plan}
    with runtime(artifact, artifact.golden_grid, precision, threads, **given) as engine:
        outputs = engine.run_graph(artifact.golden_inputs())
    check = compare(outputs, artifact.fixture(), precision)
    if not check.passed:
        measure, other = _WORDS[artifact.card.form.name]
        raise EngineError(
            f"engine {runtime.name} ({precision}) refused: on the golden frame of {artifact.card.name} its error is "
            f"{check.error:.2e} of {measure}, expected at most {check.tolerance:.0e}; {other} "
            f"{'agrees' if check.other_agrees else 'differs'}"
        )
    return check


_WORDS = {"papers": ("the depth range", "validity"), "live": ("the depth", "the expected error")}


def _relative(output: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Mean difference relative to what is expected; not-a-number where there is one."""
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.mean(np.abs(output.astype(np.float64) - expected) / expected))
