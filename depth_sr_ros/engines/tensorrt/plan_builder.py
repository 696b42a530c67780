"""Builds a plan: an ONNX graph parsed into a strongly typed network, and the network compiled for given sizes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import onnx

from depth_sr_ros.engines.base import EngineError
from depth_sr_ros.engines.plans.planned import Progress
from depth_sr_ros.engines.tensorrt.build_progress import progress_monitor
from depth_sr_ros.engines.tensorrt.layout import Shapes
from depth_sr_ros.engines.tensorrt.library import WORKSPACE, TensorRt
from depth_sr_ros.engines.tensorrt.sampling_check import check_sampling
from depth_sr_ros.engines.tensorrt.timing_cache import TimingCache

_log = logging.getLogger(__name__)


class PlanBuilder:
    """A network, ready to be compiled. Everything that TensorRT refers to lives as long as this object.

    Args:
        library: which TensorRT.
        model: a self-contained ONNX model.
        title: what is built, for messages.

    Raises:
        EngineError: TensorRT does not accept the graph, or misreads it; the message has the parser's own words.
    """

    def __init__(self, library: TensorRt, model: onnx.ModelProto, title: str) -> None:
        trt = library.module
        self._library, self._title = library, title
        self._logger = library.logger()
        self._builder = trt.Builder(self._logger)
        self.network: Any = self._builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        self._parser = trt.OnnxParser(self.network, self._logger)
        if not self._parser.parse(model.SerializeToString()):
            errors = [str(self._parser.get_error(i)) for i in range(self._parser.num_errors)]
            raise self._refusal("a graph that it can parse", errors)
        check_sampling(trt, self.network, model)

    def build(
        self,
        sizes: Sequence[Shapes],
        *,
        exact: bool = False,
        capabilities: Sequence[str] = (),
        timing_cache: TimingCache | None = None,
        progress: Progress | None = None,
    ) -> bytes:
        """Compiles the network.

        Args:
            sizes: input shapes that the plan shall serve; each becomes an optimisation profile of that one size.
            exact: convolutions in float32 keep all its digits, instead of TF32's eleven bits.
            capabilities: GPUs to build for where this machine's is not the one, as `TensorRt.other_gpus` names them.
            timing_cache: measurements of earlier builds, read and added to; they make a build quicker.
            progress: told how far the build is.

        Raises:
            EngineError: TensorRT cannot compile it; the message has its own words.
        """
        config = self._configuration(sizes, exact, capabilities)
        cache = timing_cache.open(config) if timing_cache else None
        monitor = progress_monitor(self._library, progress)
        if monitor is not None:
            config.progress_monitor = monitor
        elif progress is not None:
            progress(0.0, "compiling; this version of TensorRT reports no progress")
        began = time.monotonic()
        plan = self._builder.build_serialized_network(self.network, config)
        if plan is None:
            raise self._refusal("a graph that it can compile", self._logger.errors)
        _log.info("%s: compiled in %.1f s", self._title, time.monotonic() - began)
        if timing_cache and cache is not None:
            timing_cache.keep(cache)
        return bytes(plan)

    def _configuration(self, sizes: Sequence[Shapes], exact: bool, capabilities: Sequence[str]) -> Any:
        trt, config = self._library.module, self._builder.create_builder_config()
        config.profiling_verbosity = trt.ProfilingVerbosity.LAYER_NAMES_ONLY
        if hasattr(config, "set_memory_pool_limit"):
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
        if exact and hasattr(trt.BuilderFlag, "TF32"):
            config.clear_flag(trt.BuilderFlag.TF32)
        if capabilities:
            config.num_compute_capabilities = len(capabilities)
            for index, name in enumerate(capabilities):
                config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
        for shapes in sizes:
            profile = self._builder.create_optimization_profile()
            for name, shape in shapes.items():
                profile.set_shape(name, shape, shape, shape)
            if config.add_optimization_profile(profile) < 0:
                raise self._refusal(f"sizes that the graph allows, such as {dict(shapes)}", self._logger.errors)
        return config

    def _refusal(self, expected: str, errors: Sequence[str]) -> EngineError:
        found = "; ".join(dict.fromkeys(error.splitlines()[0] for error in errors if error)) or "no reason given"
        return EngineError(
            f"{self._library.name} {self._library.version}, {self._title}: expected {expected}, found: {found}; "
            "choose another engine, or export the artifact again"
        )
