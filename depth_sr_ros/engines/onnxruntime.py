"""ONNX Runtime on the CPU."""

from __future__ import annotations

from typing import Any

from depth_sr_ros.artifact import Artifact
from depth_sr_ros.engines.base import Arrays, Engine, Precision
from depth_sr_ros.engines.cpu import default_threads


class OnnxRuntimeEngine(Engine):
    """See `Engine`."""

    name = "onnxruntime"

    @classmethod
    def version(cls) -> str:
        """Version of the installed runtime. Raises ImportError where it is not installed."""
        import onnxruntime

        return str(onnxruntime.__version__)

    @classmethod
    def precisions(cls) -> tuple[Precision, ...]:
        """`fp32` only."""
        return ("fp32",)

    def _build(self, artifact: Artifact, grid: tuple[int, int], precision: Precision, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or default_threads()
        # within a frame threads that wait for work spin, which is fastest; after it they leave the cores to the node
        options.add_session_config_entry("session.force_spinning_stop", "1")
        options.log_severity_level = 3
        # stored bytes are weights in small storage, not a quantised network: let them be folded once
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(artifact.graph), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime's exceptions share no base class but Exception
            raise RuntimeError(str(error)) from error

    def _run(self, inputs: Arrays) -> Arrays:
        try:
            outputs = self._session.run(list(self._output_names), inputs)
        except Exception as error:  # as above
            raise RuntimeError(str(error)) from error
        return dict(zip(self._output_names, outputs, strict=True))

    def _release(self) -> None:
        self._session = None
