"""OpenVINO whose compiled graphs are kept: loading one takes a fraction of the time that compiling takes.

A plan is the compiled graphs of two sizes, as OpenVINO exports them, behind a line of JSON with their lengths. Memory
layouts and kernels in them are those of one processor.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Engine, EngineError, Precision
from depth_sr_ros.engines.cpu import default_threads
from depth_sr_ros.engines.openvino.core import openvino_core
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine
from depth_sr_ros.engines.openvino.graph import cpu_settings
from depth_sr_ros.engines.openvino.tail import can_run_tail
from depth_sr_ros.engines.plans.planned import PlannedEngine, Progress

_FORMAT = "openvino 1"
_HINT = "INFERENCE_PRECISION_HINT"


class _Graph(NamedTuple):
    """A compiled graph: depth grid (h, w), the precision hint that it was compiled with, OpenVINO's bytes."""

    grid: tuple[int, int]
    hint: str
    content: bytes


class PlannedOpenVinoEngine(OpenVinoEngine, PlannedEngine):
    """`OpenVinoEngine` that can load a plan; without one it compiles, and keeps nothing."""

    plan_suffix = ".openvino"

    def __init__(
        self,
        artifact: Artifact,
        grid: tuple[int, int],
        precision: Precision,
        threads: int = 0,
        plan: bytes | None = None,
    ) -> None:
        self._exported = None if plan is None else _unpacked(plan, grid)
        Engine.__init__(self, artifact, grid, precision, threads)

    @classmethod
    def plan_conditions(cls, precision: Precision) -> Mapping[str, str]:
        """Version with its build number, processor, what it can do, and whether a graph may be cut before its tail."""
        import openvino

        able = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return {
            "version": str(openvino.__version__),
            "device": cls.device(),
            "capabilities": " ".join(sorted(able)),
            "tail": "outside" if can_run_tail() else "inside",
        }

    @classmethod
    def quick(cls, precision: Precision) -> bool:
        """Compiling takes seconds, in int8 too: the artifact holds that graph."""
        return True

    @classmethod
    def build_plan(
        cls,
        artifact: Artifact,
        grid: tuple[int, int],
        precision: Precision,
        progress: Progress | None = None,
    ) -> bytes:
        """Compiles for a grid and for the golden frame's, and exports both. Raises EngineError."""
        graphs: list[_Graph] = []
        for index, size in enumerate((artifact.golden_grid, grid)):
            if progress:
                progress(index / 2, f"compiling for depth of {size[1]}x{size[0]}")
            engine = OpenVinoEngine(artifact, size, precision)
            compiled = engine._request.get_compiled_model()
            exported = compiled.export_model()
            hint = compiled.get_property(_HINT).to_string()
            engine.close()
            content = exported.getvalue() if isinstance(exported, io.BytesIO) else bytes(exported)
            graphs.append(_Graph(size, hint, content))
        return _packed(graphs)

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        if self._exported is None:
            super()._build(artifact, grid, precision, threads)
            return
        graph, self._exported = self._exported, None
        core, threads = openvino_core(), threads or default_threads()
        # the export does not hold the hint: without it a graph of float32 would run in bfloat16
        config = {**cpu_settings(core, precision, threads), _HINT: graph.hint}
        self._serve(core.import_model(graph.content, "CPU", config), artifact, threads)


def _packed(graphs: Sequence[_Graph]) -> bytes:
    heads = [{"grid": list(graph.grid), "hint": graph.hint, "bytes": len(graph.content)} for graph in graphs]
    head = json.dumps({"format": _FORMAT, "graphs": heads}).encode()
    return head + b"\n" + b"".join(graph.content for graph in graphs)


def _unpacked(plan: bytes, grid: tuple[int, int]) -> _Graph:
    """The compiled graph of one size."""
    line, _, rest = plan.partition(b"\n")
    try:
        head = json.loads(line)
        entries = [(tuple(entry["grid"]), str(entry["hint"]), int(entry["bytes"])) for entry in head["graphs"]]
        whole = head["format"] == _FORMAT and sum(size for _, _, size in entries) == len(rest)
    except (ValueError, TypeError, KeyError) as error:
        raise EngineError(f"engine openvino: expected a plan of format {_FORMAT!r}, found other bytes") from error
    start = 0
    for found, hint, size in entries:
        if whole and found == tuple(grid):
            return _Graph(grid, hint, rest[start : start + size])
        start += size
    raise EngineError(
        f"engine openvino: expected a whole plan for depth of {grid}, found one for {[e[0] for e in entries]}; "
        "build it again with `depth-sr compile`"
    )
