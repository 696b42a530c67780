"""PyTorch on an NVIDIA GPU: the fastest engine where TensorRT is not installed.

Layers run in half precision by their own type (no autocast), in channels-last order, with normalisations folded;
what has to be float32 is float32 as in the frame graph. Where Triton is installed, the end of the kernel networks is
one launch and DADA's diffusion one launch for a few steps. torch is imported only where a driver is found.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
from dataclasses import replace
from typing import Any, ClassVar

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, EngineInfo, EngineUnavailable, Precision
from depth_sr_ros.engines.torch.network import load_network

_log = logging.getLogger(__name__)


class TorchCudaEngine(Engine):
    """See `Engine`. `threads` has no meaning here."""

    name = "torch-cuda"
    _device: ClassVar[str] = "cuda"
    _fused: ClassVar[bool] = True

    @classmethod
    def version(cls) -> str:
        """Version of the installed runtime. Raises ImportError where it is not installed."""
        return importlib.metadata.version("torch")

    @classmethod
    def precisions(cls) -> tuple[Precision, ...]:
        """`fp16` first, `bf16` where the GPU has it, `fp32`.

        Raises:
            EngineUnavailable: there is no CUDA device, or torch was built without CUDA.
        """
        torch = _torch_with_device()
        half: tuple[Precision, ...] = ("fp16", "bf16") if torch.cuda.is_bf16_supported(False) else ("fp16",)
        return (*half, "fp32")

    @classmethod
    def device(cls) -> str:
        """Name of the GPU. Raises EngineUnavailable as `precisions` does."""
        return str(_torch_with_device().cuda.get_device_name())

    def describe(self) -> EngineInfo:
        """What this engine is; `notes` say what could not be fused or recorded."""
        return replace(super().describe(), notes=self._notes)

    def device_milliseconds(self, rounds: int) -> tuple[list[float], list[float]]:
        """See `FrameRunner.device_milliseconds`."""
        found: tuple[list[float], list[float]] = self._runner.device_milliseconds(rounds)
        return found

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        import torch

        from depth_sr_ros.engines.torch.frames import FrameRunner
        from depth_sr_ros.models.export.artifacts import frame_graph_of
        from depth_sr_ros.models.export.reduced_precision import fold_normalisations, reduce_precision
        from depth_sr_ros.models.fused import fuse

        network = load_network(artifact)
        notes: tuple[str, ...] = ()
        fold_normalisations(network)
        if self._fused:
            network, notes = fuse(network)
        if precision != "fp32":
            reduce_precision(network, {"fp16": torch.float16, "bf16": torch.bfloat16}[precision])
        device = torch.device(self._device)
        graph = frame_graph_of(network).to(device)
        kinds = self._expected, artifact.card.form.output_kinds(grid, artifact.card.scale)
        self._runner: Any = FrameRunner(graph, *kinds, device)
        self._notes: tuple[str, ...] = (*notes, *self._runner.notes)
        for note in self._notes:
            _log.info("engine %s, %s: %s", self.name, artifact.card.name, note)

    def _run(self, inputs: Arrays) -> Arrays:
        return self._runner(inputs)

    def _release(self) -> None:
        self._runner.close()
        self._runner = None


def _torch_with_device() -> Any:
    """The torch module. Raises EngineUnavailable where it has no CUDA device to run on."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise _unavailable(f"no driver ({error})", "install NVIDIA's driver") from error
    import torch

    if torch.version.cuda is None:
        raise _unavailable(f"torch {torch.__version__} without CUDA", "install a CUDA build of torch")
    if not torch.cuda.is_available():
        raise _unavailable("none of those", "see what `nvidia-smi` says")
    return torch


def _unavailable(found: str, change: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"engine torch-cuda: expected an NVIDIA GPU that torch can use, found {found}; {change}, or choose another "
        "`engine`"
    )
