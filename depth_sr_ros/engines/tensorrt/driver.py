"""Asks for a GPU and its driver before anything is loaded that would crash without one.

Without a driver, TensorRT's Python package can hand out an empty object whose first use ends the process, so nobody may
touch it before this module has been asked.
"""

from __future__ import annotations

import ctypes

from depth_sr_ros.engines.base import EngineUnavailable

_INSUFFICIENT_DRIVER = 35
_NO_DEVICE = 100
_CHANGE = "install NVIDIA's driver (`nvidia-smi` must list the GPU), or choose another engine"


def require_gpu() -> None:
    """Returns where at least one GPU can be used.

    Raises:
        EngineUnavailable: there is none, or no driver for it; the message says which, and what to change.
    """
    status, count = gpu_count()
    if status == 0 and count > 0:
        return
    found = {
        0: "none",
        _NO_DEVICE: f"none (CUDA error {_NO_DEVICE})",
        _INSUFFICIENT_DRIVER: f"no driver, or one that is too old (CUDA error {_INSUFFICIENT_DRIVER})",
    }
    raise EngineUnavailable(
        f"engine tensorrt: expected an NVIDIA GPU and its driver, found {found.get(status, f'CUDA error {status}')}; "
        f"{_CHANGE}"
    )


def gpu_count() -> tuple[int, int]:
    """CUDA's status, 0 for success, and the number of GPUs; never crashes, needs no package."""
    try:
        from cuda.bindings import runtime
    except ImportError:
        return _ask_driver()
    status, count = runtime.cudaGetDeviceCount()
    return int(status), int(count or 0)


def _ask_driver() -> tuple[int, int]:
    """The same by the driver's own library."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return _INSUFFICIENT_DRIVER, 0
    count = ctypes.c_int(0)
    status = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return int(status), count.value
