"""What a plan depends on: two plans are interchangeable when all of it is equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from depth_sr_ros.artifact import FIXTURE, INT8, WEIGHTS, Artifact
from depth_sr_ros.engines.base import Precision
from depth_sr_ros.engines.plans.planned import PlannedEngine

_OF_INT8 = ("quantised", "half_parts")


@dataclass(frozen=True)
class PlanKey:
    """Everything that a plan depends on, and names for people.

    Attributes:
        artifact: its name, e.g. `fdkn_x8`; for people, not part of the digest.
        suffix: how the plan's file ends.
        runtime: name of the engine.
        graph: sha256 of the ONNX file.
        weights: sha256 of the weights.
        fixture: sha256 of the golden frame, by which int8 ranges are set and the plan is checked.
        golden: grid (h, w) of the golden frame.
        grid: depth grid (h, w) that the plan is for.
        precision: of the network body.
        conditions: what the runtime adds: full version, device, compute capability, flags.
        quantised: sha256 of the files of the artifact's graph in 8-bit integers; empty for any other precision than
            int8, and where the artifact has no such graph.
        half_parts: what the card leaves in half precision; empty for any other precision than int8.
    """

    artifact: str
    suffix: str
    runtime: str
    graph: str
    weights: str
    fixture: str
    golden: tuple[int, int]
    grid: tuple[int, int]
    precision: Precision
    conditions: Mapping[str, str] = field(hash=False)
    quantised: tuple[str, ...] = ()
    half_parts: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 over all that decides, in hexadecimal."""
        parts = {name: part for name, part in self.parts().items() if name not in ("artifact", "suffix")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def stem(self) -> str:
        """Name of the plan's files without their endings."""
        height, width = self.grid
        return f"{self.artifact}_{width}x{height}_{self.precision}_{self.runtime}_{self.digest[:16]}"

    def parts(self) -> dict[str, Any]:
        """The attributes as JSON has them; what concerns 8-bit integers alone is left out where it is empty."""
        parts = asdict(self) | {"conditions": dict(self.conditions)}
        parts |= {name: list(parts[name]) for name in ("golden", "grid", *_OF_INT8)}
        # so that plans of float precisions keep the digests that they always had
        return {name: part for name, part in parts.items() if part or name not in _OF_INT8}

    @classmethod
    def from_parts(cls, parts: Mapping[str, Any]) -> PlanKey:
        """The key that `parts` gave. Raises TypeError, KeyError or ValueError for anything else."""
        golden, grid = (tuple(int(n) for n in parts[name]) for name in ("golden", "grid"))
        of_int8 = {name: tuple(str(part) for part in parts.get(name, ())) for name in _OF_INT8}
        conditions = dict(parts["conditions"])
        return cls(**{**parts, "golden": golden, "grid": grid, "conditions": conditions, **of_int8})


def plan_key(
    runtime: type[PlannedEngine], artifact: Artifact, grid: tuple[int, int] | None, precision: Precision
) -> PlanKey:
    """The key of a plan on this machine.

    Args:
        runtime: the engine's class.
        artifact: what it runs.
        grid: (h, w) of the depth input; None takes the golden frame's.
        precision: of the network body.
    """
    files = artifact.card.files
    return PlanKey(
        artifact.card.name,
        runtime.plan_suffix,
        runtime.name,
        hashlib.sha256(artifact.graph.read_bytes()).hexdigest(),
        files[WEIGHTS],
        hashlib.sha256((artifact.folder / FIXTURE).read_bytes()).hexdigest(),
        artifact.golden_grid,
        artifact.golden_grid if grid is None else (int(grid[0]), int(grid[1])),
        precision,
        {str(name): str(value) for name, value in runtime.plan_conditions(precision).items()},
        tuple(files[name] for name in INT8 if name in files) if precision == "int8" else (),
        artifact.card.half_parts if precision == "int8" else (),
    )
