"""The GPU by pycuda. Importing this module needs pycuda and the driver's library, but touches no GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pycuda.driver as cuda

from depth_sr_ros.engines.base import EngineError, EngineMemoryError
from depth_sr_ros.engines.tensorrt.gpu import Buffer, Gpu


class PycudaGpu(Gpu):
    """See `Gpu`."""

    package = "pycuda"

    def __init__(self) -> None:
        with _named("opening GPU 0"):
            cuda.init()
            device = cuda.Device(0)
            self.name = str(device.name())
            self.capability = ".".join(str(part) for part in device.compute_capability())
            self._context: Any = device.retain_primary_context()
        with self.current(), _named("making a stream"):
            self._stream: Any = cuda.Stream(flags=1)  # does not wait for the default stream
            self.stream = int(self._stream.handle)

    @contextmanager
    def current(self) -> Iterator[None]:
        """See `Gpu`."""
        if self._context is None:
            raise EngineError("GPU: expected an open one, found it closed; build a new engine")
        self._context.push()
        try:
            yield
        finally:
            cuda.Context.pop()

    def allocate(self, name: str, size: int) -> Buffer:
        """See `Gpu`."""
        with _named(f"allocating {size} bytes for {name} on the GPU"):
            memory = cuda.mem_alloc(size)
        return Buffer(name, size, int(memory), memory.free)

    def pin(self, name: str, size: int) -> Buffer:
        """See `Gpu`."""
        with _named(f"pinning {size} bytes for {name}"):
            host = cuda.pagelocked_empty(size, "uint8")
        return Buffer(name, size, int(host.ctypes.data), host.base.free, host)

    def copy_in(self, device: Buffer, host: Buffer) -> None:
        """See `Gpu`."""
        with _named(f"copying {host.name} to {device.name}"):
            cuda.memcpy_htod_async(device.address, host.host, self._stream)

    def copy_out(self, host: Buffer, device: Buffer) -> None:
        """See `Gpu`."""
        with _named(f"copying {device.name} to {host.name}"):
            cuda.memcpy_dtoh_async(host.host, device.address, self._stream)

    def synchronise(self) -> None:
        """See `Gpu`."""
        with _named("waiting for the GPU"):
            self._stream.synchronize()

    def close(self) -> None:
        """See `Gpu`."""
        if self._context is not None:
            with self.current():
                self._stream = None
            context, self._context = self._context, None
            context.detach()


@contextmanager
def _named(doing: str) -> Iterator[None]:
    """Says what was being done when CUDA failed; pycuda's message holds CUDA's own name of the error."""
    try:
        yield
    except cuda.Error as error:
        kind = EngineMemoryError if isinstance(error, cuda.MemoryError) else EngineError
        raise kind(f"CUDA failed while {doing}: {error}") from error
