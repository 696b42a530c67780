"""The GPU by NVIDIA's `cuda.bindings`, whose runtime functions use the primary context of their own accord."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from cuda.bindings import runtime

from depth_sr_ros.engines.base import EngineError, EngineMemoryError
from depth_sr_ros.engines.tensorrt.gpu import Buffer, Gpu

_NON_BLOCKING = 1
_OUT_OF_MEMORY = 2
"""cudaErrorMemoryAllocation, and the driver's CUDA_ERROR_OUT_OF_MEMORY."""


class BindingsGpu(Gpu):
    """See `Gpu`."""

    package = "cuda.bindings"

    def __init__(self) -> None:
        self._open = True
        with self.current():
            properties = check("reading the GPU's name", runtime.cudaGetDeviceProperties(0))
            name = properties.name
            self.name = name.decode().rstrip("\0") if isinstance(name, bytes) else str(name)
            self.capability = f"{properties.major}.{properties.minor}"
            self._stream: Any = check("making a stream", runtime.cudaStreamCreateWithFlags(_NON_BLOCKING))
            self.stream = int(self._stream)

    @contextmanager
    def current(self) -> Iterator[None]:
        """See `Gpu`; the choice of the device is a matter of the calling thread."""
        if not self._open:
            raise EngineError("GPU: expected an open one, found it closed; build a new engine")
        check("choosing GPU 0", runtime.cudaSetDevice(0))
        yield

    def allocate(self, name: str, size: int) -> Buffer:
        """See `Gpu`."""
        address = int(check(f"allocating {size} bytes for {name} on the GPU", runtime.cudaMalloc(size)))
        return Buffer(name, size, address, lambda: check(f"freeing {name}", runtime.cudaFree(address)))

    def pin(self, name: str, size: int) -> Buffer:
        """See `Gpu`."""
        address = int(check(f"pinning {size} bytes for {name}", runtime.cudaMallocHost(size)))
        host = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        return Buffer(name, size, address, lambda: check(f"freeing {name}", runtime.cudaFreeHost(address)), host)

    def copy_in(self, device: Buffer, host: Buffer) -> None:
        """See `Gpu`."""
        self._copy(device, host, runtime.cudaMemcpyKind.cudaMemcpyHostToDevice)

    def copy_out(self, host: Buffer, device: Buffer) -> None:
        """See `Gpu`."""
        self._copy(host, device, runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost)

    def _copy(self, to: Buffer, source: Buffer, kind: Any) -> None:
        doing = f"copying {source.name} to {to.name}"
        check(doing, runtime.cudaMemcpyAsync(to.address, source.address, source.size, kind, self._stream))

    def synchronise(self) -> None:
        """See `Gpu`."""
        check("waiting for the GPU", runtime.cudaStreamSynchronize(self._stream))

    def close(self) -> None:
        """See `Gpu`."""
        if self._open:
            with self.current():
                stream, self._stream = self._stream, None
                check("giving the stream back", runtime.cudaStreamDestroy(stream))
            self._open = False


def check(doing: str, answer: tuple[Any, ...]) -> Any:
    """The value of a call of `cuda.bindings`, which answers with its status first.

    Raises:
        EngineMemoryError: there was not enough memory.
        EngineError: it failed otherwise; the message says what was being done and CUDA's name of the error.
    """
    status, *values = answer
    if int(status) != 0:
        kind = EngineMemoryError if int(status) == _OUT_OF_MEMORY else EngineError
        raise kind(f"CUDA failed while {doing}: {getattr(status, 'name', status)} ({int(status)})")
    return values[0] if values else None
