"""OpenVINO on the CPU: the default where there is no GPU.

On a CPU with bfloat16 instructions OpenVINO runs convolutions in bfloat16 and everything between the last convolution
and the outputs in float32. The frame graph is laid out for that: units, start image, mean subtraction, sampling and
residual hold no convolution, so they stay float32; the self-check would show it if a release changed this.
"""

from __future__ import annotations

from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, Precision


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
        import openvino

        capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return ("bf16", "fp32") if "BF16" in capabilities else ("fp32",)

    @classmethod
    def device(cls) -> str:
        """Name of the processor."""
        import openvino

        return str(openvino.Core().get_property("CPU", "FULL_DEVICE_NAME")).strip()

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(artifact.graph)
        model.reshape({name: list(shape) for name, (shape, _) in self._expected.items()})
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        }
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._request: Any = core.compile_model(model, "CPU", config).create_infer_request()

    def _run(self, inputs: Arrays) -> Arrays:
        self._request.infer(inputs, share_inputs=True)
        return {name: self._request.get_tensor(name).data.copy() for name in ("depth_hr", "valid")}

    def _release(self) -> None:
        self._request = None
