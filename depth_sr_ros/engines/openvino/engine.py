"""OpenVINO on the CPU: the default where there is no GPU.

On a CPU with bfloat16 instructions OpenVINO runs convolutions in bfloat16 and everything between the last convolution
and the outputs in float32. The frame graph is laid out for that: units, start image, mean subtraction, sampling and
residual hold no convolution, so they stay float32; the self-check would show it if a release changed this.
"""

from __future__ import annotations

from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, Precision
from depth_sr_ros.engines.cpu import default_threads, multiplies_bytes
from depth_sr_ros.engines.openvino.core import openvino_core
from depth_sr_ros.engines.openvino.graph import cpu_settings, frame_model
from depth_sr_ros.engines.openvino.live_tail import LiveTail, is_cut_live
from depth_sr_ros.engines.openvino.precision_order import precision_order
from depth_sr_ros.engines.openvino.tail import KernelTail, is_cut


class OpenVinoEngine(Engine):
    """See `Engine`."""

    name = "openvino"

    @classmethod
    def version(cls) -> str:
        """Version of the installed runtime. Raises ImportError where it is not installed."""
        import openvino

        return str(openvino.__version__).split("-")[0]

    @classmethod
    def precisions(cls) -> tuple[Precision, ...]:
        """`bf16` first where the CPU has it, then `fp32`."""
        capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("bf16", "fp32") if "BF16" in capabilities else ("fp32",)

    @classmethod
    def precisions_of(cls, artifact: Artifact) -> tuple[Precision, ...]:
        """`precisions()` and `int8` where the artifact holds such a graph, see `precision_order`."""
        return precision_order(artifact, cls.precisions(), multiplies_bytes())

    @classmethod
    def device(cls) -> str:
        """Name of the processor."""
        return str(openvino_core().get_property("CPU", "FULL_DEVICE_NAME")).strip()

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        core = openvino_core()
        shapes = {name: list(shape) for name, (shape, _) in self._expected.items()}
        model = frame_model(core, artifact, shapes, precision)
        threads = threads or default_threads()
        self._serve(core.compile_model(model, "CPU", cpu_settings(core, precision, threads)), artifact, threads)

    def _serve(self, compiled: Any, artifact: Artifact, threads: int) -> None:
        """Takes a compiled graph, whole or cut, to run frames on."""
        self._request: Any = compiled.create_infer_request()
        self._tail: KernelTail | LiveTail | None = None
        if is_cut(compiled):
            self._tail = KernelTail(self._request, artifact.card.options, threads)
        elif is_cut_live(compiled):
            self._tail = LiveTail(self._request, threads)

    def _run(self, inputs: Arrays) -> Arrays:
        self._request.infer(inputs, share_inputs=True)
        if self._tail is not None:
            return self._tail(inputs)
        return {name: self._request.get_tensor(name).data.copy() for name in self._output_names}

    def _release(self) -> None:
        if self._tail is not None:
            self._tail.close()
        self._request = self._tail = None
