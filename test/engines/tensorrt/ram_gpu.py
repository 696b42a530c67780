"""A GPU that is the CPU's own memory, and a TensorRT whose plans are run by ONNX Runtime.

Stands in where there is no GPU, so that everything of ours between arrays and plans is run: packing, addresses, sizes,
the order in which things are made and given back. What NVIDIA's libraries do is not tested by it.
"""

import ctypes
import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime

from depth_sr_ros.engines.base import EngineMemoryError
from depth_sr_ros.engines.tensorrt.gpu import Buffer, Gpu


class RamGpu(Gpu):
    """Notes down in `events` what happens; `limit` bytes can be had."""

    package, name, capability, stream = "ram", "RAM", "0.0", 7

    def __init__(self, limit=2**30):
        self.events, self.limit, self.inside, self.closed = [], limit, 0, False
        self.held = {}

    @contextmanager
    def current(self):
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    def _memory(self, name, size):
        assert self.inside, f"{name}: outside of the GPU's context"
        if size > self.limit:
            raise EngineMemoryError(f"CUDA failed while allocating {size} bytes for {name}: out of memory")
        memory = np.zeros(size + 256, np.uint8)
        start = -memory.ctypes.data % 256
        self.held[name] = memory
        self.events.append(f"allocate {name}")

        def free():
            assert self.inside
            del self.held[name]
            self.events.append(f"free {name}")

        view = memory[start : start + size]
        return Buffer(name, size, view.ctypes.data, free, view)

    def allocate(self, name, size):
        buffer = self._memory(name, size)
        buffer.host = None
        return buffer

    def pin(self, name, size):
        return self._memory(name, size)

    def copy_in(self, device, host):
        self._copy(device, host, "copy in")

    def copy_out(self, host, device):
        self._copy(host, device, "copy out")

    def _copy(self, to, source, event):
        assert self.inside and to.size == source.size
        ctypes.memmove(to.address, source.address, source.size)
        self.events.append(event)

    def synchronise(self):
        assert self.inside
        self.events.append("synchronise")

    def close(self):
        assert not self.held, f"still held: {sorted(self.held)}"
        if not self.closed:
            self.events.append("close")
        self.closed = True


class RamGraph:
    """Replays work by doing it again; notes down the same as `CudaGraph` does in effect."""

    def __init__(self, gpu, work):
        self.gpu, self.work = gpu, work
        gpu.events.append("record")

    def launch(self):
        assert self.gpu.inside
        self.gpu.events.append("launch")
        self.work()

    def free(self):
        self.gpu.events.append("free graph")


def plan_of(model, sizes):
    """A plan for `ram_tensorrt`: the model, and the input shapes that it serves."""
    return json.dumps([{k: list(v) for k, v in size.items()} for size in sizes]).encode() + b"\n" + model


def ram_tensorrt(gpu):
    """What the runner needs of a TensorRT library."""
    module = SimpleNamespace(
        Runtime=lambda logger: _Runtime(gpu, logger),
        TensorIOMode=SimpleNamespace(INPUT="in", OUTPUT="out"),
        nptype=np.dtype,
        __name__="ram_tensorrt",
    )
    return SimpleNamespace(module=module, name="ram_tensorrt", version="0", logger=lambda: SimpleNamespace(errors=[]))


class _Noted:
    def __init__(self, gpu, kind):
        self._gpu, self._kind = gpu, kind

    def __del__(self):
        self._gpu.events.append(f"destroy {self._kind}")


class _Runtime(_Noted):
    def __init__(self, gpu, logger):
        super().__init__(gpu, "runtime")
        self._logger = logger

    def deserialize_cuda_engine(self, plan):
        head, _, model = plan.partition(b"\n")
        try:
            return _Engine(self._gpu, json.loads(head), model)
        except ValueError:
            self._logger.errors.append("Serialization assertion failed: Version tag does not match")
            return None


class _Engine(_Noted):
    num_io_tensors = 4

    def __init__(self, gpu, sizes, model):
        super().__init__(gpu, "engine")
        self.sizes, self.num_optimization_profiles = sizes, len(sizes)
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.types = {i.name: i.type.tensor_type.elem_type for i in _signature(model)}

    def get_tensor_name(self, index):
        return [*self.outputs, *self.inputs][index]

    def get_tensor_mode(self, name):
        return "in" if name in self.inputs else "out"

    def get_tensor_dtype(self, name):
        return onnx.helper.tensor_dtype_to_np_dtype(self.types[name])

    def get_tensor_profile_shape(self, name, index):
        return [tuple(self.sizes[index][name])] * 3

    def create_execution_context(self):
        return _Context(self._gpu, self)


class _Context(_Noted):
    def __init__(self, gpu, engine):
        super().__init__(gpu, "context")
        self.engine, self.addresses, self.shapes, self.profile = engine, {}, {}, None

    def set_optimization_profile_async(self, index, stream):
        assert stream == self._gpu.stream
        self.profile = index
        return True

    def set_input_shape(self, name, shape):
        self.shapes[name] = tuple(shape)
        return list(shape) == self.engine.sizes[self.profile][name]

    def get_tensor_shape(self, name):
        return self.shapes.get(name, self.shapes["rgb"][:2])

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return address % 256 == 0

    def execute_async_v3(self, stream):
        assert stream == self._gpu.stream and self._gpu.inside
        self._gpu.events.append("execute")
        results = self.engine.session.run(None, {name: self._array(name).copy() for name in self.engine.inputs})
        for name, value in zip(self.engine.outputs, results, strict=True):
            self._array(name)[...] = value
        return True

    def _array(self, name):
        shape, dtype = self.get_tensor_shape(name), self.engine.get_tensor_dtype(name)
        size = int(np.prod(shape)) * dtype.itemsize
        raw = (ctypes.c_uint8 * size).from_address(self.addresses[name])
        return np.frombuffer(raw, dtype).reshape(shape)


def _signature(model):
    graph = onnx.load_from_string(model).graph
    return [*graph.input, *graph.output]
