"""One GPU's memory and one stream, by pycuda or, where that is missing, by NVIDIA's `cuda.bindings`.

Both use the device's primary context, which every library in the process shares. Nothing is initialised by an import.
The context is current only inside a call, so a GPU belongs to whoever calls, one thread at a time, and no thread is
left with a context that is not its own.
"""

from __future__ import annotations

import abc
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.engines.base import EngineError
from depth_sr_ros.engines.tensorrt.driver import require_gpu

_IMPLEMENTATIONS = (
    ("depth_sr_ros.engines.tensorrt.gpu_pycuda", "PycudaGpu"),
    ("depth_sr_ros.engines.tensorrt.gpu_bindings", "BindingsGpu"),
)


class Buffer:
    """Memory with a name, freed once.

    Attributes:
        name: for messages.
        size: in bytes.
        address: where it begins.
        host: its bytes, uint8 (size,), where the CPU can see them.
    """

    def __init__(
        self, name: str, size: int, address: int, free: Callable[[], None], host: NDArray[np.uint8] | None = None
    ) -> None:
        self.name, self.size, self.address, self.host = name, size, address, host
        self._free: Callable[[], None] | None = free

    def free(self) -> None:
        """Gives the memory back; calling it again is fine."""
        if self._free is not None:
            free, self._free, self.host, self.address = self._free, None, None, 0
            free()


class Gpu(abc.ABC):
    """A GPU with one stream.

    Attributes:
        package: what it is reached by.
        name: the GPU's name.
        capability: its compute capability, e.g. `8.6`.
        stream: the stream's handle.
    """

    package: ClassVar[str]
    name: str
    capability: str
    stream: int

    @abc.abstractmethod
    @contextmanager
    def current(self) -> Iterator[None]:
        """Everything on the GPU happens inside this."""

    @abc.abstractmethod
    def allocate(self, name: str, size: int) -> Buffer:
        """Memory on the GPU. Raises EngineMemoryError where there is not enough, EngineError for anything else."""

    @abc.abstractmethod
    def pin(self, name: str, size: int) -> Buffer:
        """Page-locked memory of the CPU, which copies need no detour from. Raises as `allocate` does."""

    @abc.abstractmethod
    def copy_in(self, device: Buffer, host: Buffer) -> None:
        """Queues a copy of all of `host`. Raises EngineError."""

    @abc.abstractmethod
    def copy_out(self, host: Buffer, device: Buffer) -> None:
        """Queues a copy of all of `device`. Raises EngineError."""

    @abc.abstractmethod
    def synchronise(self) -> None:
        """Waits until everything queued is done. Raises EngineError where some of it failed."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives the stream and the context back; all buffers must have been freed. Calling it again is fine."""


def open_gpu() -> Gpu:
    """The first GPU, by the first package that is installed.

    Raises:
        EngineUnavailable: there is no GPU, or no driver for it.
        EngineError: neither package is installed, or CUDA fails.
    """
    require_gpu()
    missing = []
    for module, cls in _IMPLEMENTATIONS:
        try:
            implementation: Any = importlib.import_module(module)
        except ImportError as error:
            missing.append(str(error))
            continue
        gpu: Gpu = getattr(implementation, cls)()
        return gpu
    raise EngineError(
        f"engine tensorrt: expected pycuda or cuda.bindings to access the GPU, found neither ({'; '.join(missing)}); "
        "pip install 'depth_sr_ros[tensorrt]'"
    )
