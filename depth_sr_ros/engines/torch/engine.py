"""PyTorch on the CPU: the reference engine. torch is imported only when this engine is asked for."""

from __future__ import annotations

from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, Precision
from depth_sr_ros.engines.torch.network import load_network


class TorchEngine(Engine):
    """See `Engine`. `threads` sets torch's number of threads for the whole process."""

    name = "torch"

    @classmethod
    def version(cls) -> str:
        """Version of the installed runtime. Raises ImportError where it is not installed."""
        import torch

        return str(torch.__version__)

    @classmethod
    def precisions(cls) -> tuple[Precision, ...]:
        """`fp32`; `bf16` runs anywhere but is fast on few processors only."""
        return ("fp32", "bf16")

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        import torch

        from depth_sr_ros.models.export.artifacts import frame_graph_of

        if threads:
            torch.set_num_threads(threads)
        self._graph: Any = frame_graph_of(load_network(artifact))

    def _run(self, inputs: Arrays) -> Arrays:
        import torch

        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._precision == "bf16"):
            # from_numpy shares memory, and a read-only array would draw a warning
            outputs = self._graph(*(torch.from_numpy(inputs[name].copy()) for name in self._expected))
        return {name: output.numpy() for name, output in zip(self._output_names, outputs, strict=True)}

    def _release(self) -> None:
        self._graph = None
