"""Runs a plan: one copy in, one launch, one copy out."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from depth_sr_ros.engines.base import Arrays, EngineError, EngineMemoryError
from depth_sr_ros.engines.tensorrt.cuda_graph import CudaGraph
from depth_sr_ros.engines.tensorrt.gpu import Buffer, Gpu
from depth_sr_ros.engines.tensorrt.layout import Layout, Shapes
from depth_sr_ros.engines.tensorrt.library import TensorRt

_OUT_OF_MEMORY = re.compile(r"out ?of ?memory|memory .*could not be allocated", re.IGNORECASE)
"""How TensorRT's messages tell of it; it has no status for that."""

_log = logging.getLogger(__name__)

Record = Callable[[int, Callable[[], None]], CudaGraph]


class PlanRunner:
    """A loaded plan, its memory, and its stream; ready when the constructor returns, first slow run included.

    Args:
        library: the TensorRT that built the plan.
        gpu: the GPU that it was built for; owned from here on, and closed by `close`, and when this fails.
        plan: the bytes.
        shapes: of every input; the plan must have been built for them.
        record: makes a CUDA graph; another one is given by tests only.

    Raises:
        EngineMemoryError: there is not enough memory on the GPU or to be pinned.
        EngineError: the plan does not fit this TensorRT, GPU or size.
    """

    graph_failure: str
    """Why every launch is done one by one instead of by a CUDA graph; empty where the graph is in use."""

    def __init__(self, library: TensorRt, gpu: Gpu, plan: bytes, shapes: Shapes, record: Record = CudaGraph) -> None:
        self._gpu, self._library, self._logger = gpu, library, library.logger()
        self._graph: CudaGraph | None = None
        self._context: Any = None
        self._engine: Any = None
        self._runtime: Any = None
        self._buffers: list[Buffer] = []
        self._inputs: Arrays = {}
        self._outputs: Arrays = {}
        try:
            with gpu.current():
                self._load(plan)
                self._fix_sizes(shapes)
                self._bind(shapes)
                self._warm_up(record)
        except BaseException:
            self.close()
            raise

    def run(self, inputs: Arrays) -> Arrays:
        """Runs one frame; the outputs belong to the caller. Raises EngineError."""
        for name, memory in self._inputs.items():
            np.copyto(memory, inputs[name])
        with self._gpu.current():
            if self._graph is not None:
                self._graph.launch()
            else:
                self._queue()
            self._gpu.synchronise()
        return {name: memory.copy() for name, memory in self._outputs.items()}

    def close(self) -> None:
        """Frees graph, context, engine, runtime, memory and stream, in this order; calling it again is fine."""
        if self._gpu is None:
            return
        self._inputs, self._outputs = {}, {}
        gpu, self._gpu = self._gpu, None  # type: ignore[assignment]
        try:
            with gpu.current():
                if self._graph is not None:
                    self._graph.free()
                self._graph = self._context = None
                self._engine = None
                self._runtime = None
                for buffer in self._buffers:
                    buffer.free()
        finally:
            gpu.close()

    def _load(self, plan: bytes) -> None:
        self._runtime = self._library.module.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self._failure("a plan built by this version for this GPU; build it again")
        self._context = self._engine.create_execution_context()
        if self._context is None:
            raise self._no_memory()  # nothing else keeps a plan that was read from having a context

    def _fix_sizes(self, shapes: Shapes) -> None:
        """Chooses the optimisation profile that was made for the sizes."""
        found = []
        for index in range(self._engine.num_optimization_profiles):
            fits = {name: tuple(self._engine.get_tensor_profile_shape(name, index)[1]) for name in shapes}
            if all(fits[name] == tuple(shape) for name, shape in shapes.items()):
                break
            found.append(fits)
        else:
            raise EngineError(f"expected a plan for {dict(shapes)}, found one for {found}; build it for this size")
        if not self._context.set_optimization_profile_async(index, self._gpu.stream):
            raise self._failure(f"that profile {index} can be chosen")
        self._gpu.synchronise()
        for name, shape in shapes.items():
            if not self._context.set_input_shape(name, tuple(shape)):
                raise self._failure(f"that input {name!r} takes {tuple(shape)}")

    def _bind(self, shapes: Shapes) -> None:
        """Allocates all memory and tells TensorRT where every tensor lies, once."""
        engine, trt = self._engine, self._library.module
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        if set(inputs) != set(shapes):
            raise EngineError(f"expected a plan with inputs {sorted(shapes)}, found {sorted(inputs)}; build it again")
        kinds = {
            name: (tuple(self._context.get_tensor_shape(name)), trt.nptype(engine.get_tensor_dtype(name)))
            for name in names
        }
        packed = [Layout.of({n: kinds[n] for n in kinds if (n in shapes) is is_input}) for is_input in (True, False)]
        self._host_in, self._device_in = self._pair("inputs", packed[0])
        self._host_out, self._device_out = self._pair("outputs", packed[1])
        assert self._host_in.host is not None and self._host_out.host is not None
        self._inputs = packed[0].views(self._host_in.host)
        self._outputs = packed[1].views(self._host_out.host)
        for layout, device in ((packed[0], self._device_in), (packed[1], self._device_out)):
            for name, place in layout.places.items():
                if not self._context.set_tensor_address(name, device.address + place.offset):
                    raise self._failure(f"that tensor {name!r} can be placed")

    def _pair(self, name: str, layout: Layout) -> tuple[Buffer, Buffer]:
        host = self._gpu.pin(f"pinned {name}", layout.size)
        self._buffers.append(host)
        device = self._gpu.allocate(name, layout.size)
        self._buffers.append(device)
        return host, device

    def _warm_up(self, record: Record) -> None:
        """The first run sets things up that a recording must not hold; then records, if that is possible."""
        for memory in self._inputs.values():
            memory.fill(0)
        self._queue()
        self._gpu.synchronise()
        self.graph_failure = ""
        try:
            self._graph = record(self._gpu.stream, self._queue)
            self._graph.launch()
            self._gpu.synchronise()
        except EngineError as error:
            if self._graph is not None:
                self._graph.free()
            self._graph, self.graph_failure = None, str(error)
            _log.info("no CUDA graph, every kernel is launched separately: %s", error)

    def _queue(self) -> None:
        self._gpu.copy_in(self._device_in, self._host_in)
        if not self._context.execute_async_v3(self._gpu.stream):
            raise self._failure("that the network runs")
        self._gpu.copy_out(self._host_out, self._device_out)

    def _failure(self, expected: str) -> EngineError:
        if any(_OUT_OF_MEMORY.search(error) for error in self._logger.errors):
            return self._no_memory()
        return EngineError(self._sentence(expected))

    def _no_memory(self) -> EngineMemoryError:
        expected = "enough memory on the GPU; close other programs, or choose a smaller model"
        return EngineMemoryError(self._sentence(expected))

    def _sentence(self, expected: str) -> str:
        found = "; ".join(error.splitlines()[0] for error in self._logger.errors if error) or "no reason given"
        return f"{self._library.name} {self._library.version}: expected {expected}, found: {found}"
