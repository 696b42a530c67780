"""TensorRT on an NVIDIA GPU: TensorRT 10 or 11, or TensorRT for RTX."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, EngineError, EngineInfo, EngineUnavailable, Precision
from depth_sr_ros.engines.plans.planned import PlannedEngine, Progress
from depth_sr_ros.engines.tensorrt.driver import require_gpu
from depth_sr_ros.engines.tensorrt.gpu import open_gpu
from depth_sr_ros.engines.tensorrt.layout import input_shapes
from depth_sr_ros.engines.tensorrt.library import WORKSPACE, TensorRt, find_tensorrt
from depth_sr_ros.engines.tensorrt.plan_runner import PlanRunner
from depth_sr_ros.engines.tensorrt.timing_cache import TimingCache, default_folder

PRECISIONS: tuple[Precision, ...] = ("fp16", "fp32", "int8")
"""What there is a graph for, the preferred one first."""

_GRAPH_SHARE = 0.1
"""Share of a build's progress until the graph is made."""


class TensorRtEngine(PlannedEngine):
    """See `PlannedEngine`; `threads` is not used.

    On a machine without a GPU plans can be built where TensorRT for RTX is installed: for every GPU that it can build
    for. They cannot be loaded there.
    """

    name = "tensorrt"
    plan_suffix = ".engine"

    @classmethod
    def check_machine(cls) -> None:
        """Raises EngineUnavailable where there is no GPU, or no driver for it."""
        require_gpu()

    @classmethod
    def version(cls) -> str:
        """Version of the installed TensorRT. Raises ImportError where none is installed that will do."""
        library = find_tensorrt()
        return library.version if library.name == "tensorrt" else f"RTX {library.version}"

    @classmethod
    def precisions(cls) -> tuple[Precision, ...]:
        """`fp16`, then `fp32`, then `int8`, which knows the values of the golden frame only unless frames are given."""
        return PRECISIONS

    @classmethod
    def device(cls) -> str:
        """Name of the GPU."""
        return _gpu_identity()[0]

    @classmethod
    def plan_conditions(cls, precision: Precision) -> Mapping[str, str]:
        """See `PlannedEngine`."""
        library = _library()
        device, capability = _target(library)
        return {
            "runtime": library.name,
            "version": library.version,
            "device": device,
            "compute capability": capability,
            "flags": f"strongly typed, workspace {WORKSPACE}" + (", no TF32" if precision == "fp32" else ""),
            "graph": _rewriting_id(),
        }

    @classmethod
    def build_plan(
        cls,
        artifact: Artifact,
        grid: tuple[int, int],
        precision: Precision,
        progress: Progress | None = None,
        frames: Sequence[Arrays] = (),
    ) -> bytes:
        """See `PlannedEngine`.

        Args:
            artifact: see `PlannedEngine`.
            grid: see `PlannedEngine`.
            precision: see `PlannedEngine`.
            progress: see `PlannedEngine`.
            frames: inputs of the frame graph, on which the value ranges for `fp16` and `int8` are measured; none takes
                `golden_frames`.
        """
        if precision not in PRECISIONS:
            raise EngineError(
                f"engine tensorrt: expected precision {' or '.join(PRECISIONS)}, found {precision!r}; choose `auto`"
            )
        tell = progress or (lambda share, text: None)
        library = _library()
        device, capability = _target(library)
        tell(0.0, f"making the {precision} graph")
        # making plans needs onnx, running them does not
        from depth_sr_ros.engines.tensorrt.graphs import graph_for
        from depth_sr_ros.engines.tensorrt.plan_builder import PlanBuilder

        graph = graph_for(artifact, precision, frames)
        tell(_GRAPH_SHARE, "parsing the graph")
        builder = PlanBuilder(library, graph, f"{artifact.card.name} {precision}")
        sizes = [
            input_shapes(artifact.card, size) for size in dict.fromkeys(((grid[0], grid[1]), artifact.golden_grid))
        ]
        conditions = {"version": f"{library.name} {library.version}", "device": device, "capability": capability}
        return builder.build(
            sizes,
            exact=precision == "fp32",
            capabilities=() if device != _NO_GPU else capability.split(","),
            timing_cache=TimingCache(default_folder(), conditions) if device != _NO_GPU else None,
            progress=lambda share, text: tell(_GRAPH_SHARE + (1 - _GRAPH_SHARE) * share, text),
        )

    def describe(self) -> EngineInfo:
        """What this engine is, and whether its launches are recorded."""
        return replace(super().describe(), notes=self._notes)

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        self._runner = PlanRunner(_library(), open_gpu(), self._plan, input_shapes(artifact.card, grid))
        failure = self._runner.graph_failure
        self._notes = (f"without a CUDA graph: {failure}",) if failure else ()

    def _run(self, inputs: Arrays) -> Arrays:
        return self._runner.run(inputs)

    def _release(self) -> None:
        self._runner.close()


_NO_GPU = "none"


def _library() -> TensorRt:
    try:
        return find_tensorrt()
    except ImportError as error:
        raise EngineError(f"engine tensorrt: not installed ({error})") from error


def _target(library: TensorRt) -> tuple[str, str]:
    """Device and compute capability that plans are built for here."""
    try:
        return _gpu_identity()
    except EngineUnavailable:
        others = library.other_gpus()
        if not others:
            raise
        return _NO_GPU, ",".join(others)


@cache
def _gpu_identity() -> tuple[str, str]:
    """Name and compute capability of the GPU. Raises EngineError where it cannot be reached."""
    gpu = open_gpu()
    try:
        return gpu.name, gpu.capability
    finally:
        gpu.close()


@cache
def _rewriting_id() -> str:
    """Tells the code apart that turns an artifact's graph into TensorRT's."""
    digest = hashlib.sha256()
    for name in ("flat_graph", "body", "evened", "half", "quantised", "ranges", "golden_frames", "graphs"):
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()[:12]
