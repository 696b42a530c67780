"""Records what a stream is given once and replays it by a single call.

pycuda has no such calls, so recording goes through `cuda.bindings` whichever package owns the stream. Where it is
missing, or something in the recording cannot be recorded, the caller continues without it: slower by the cost of
launching each kernel, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from depth_sr_ros.engines.base import EngineError


class CudaGraph:
    """A recorded piece of work.

    Args:
        stream: handle of the stream, which must not be the default one. What is recorded must have run on it before.
        work: queues the work; nothing of it is executed meanwhile.

    Raises:
        EngineError: it cannot be recorded; the stream is as it was before.
    """

    def __init__(self, stream: int, work: Callable[[], None]) -> None:
        try:
            from cuda.bindings import runtime

            from depth_sr_ros.engines.tensorrt.gpu_bindings import check
        except ImportError as error:
            raise EngineError(f"recording a CUDA graph needs cuda.bindings: {error}") from error
        self._runtime, self._check, self._stream = runtime, check, stream
        # other threads may allocate meanwhile: only this one is held to what can be recorded
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        check("beginning a CUDA graph", runtime.cudaStreamBeginCapture(stream, mode))
        failure: EngineError | None = None
        try:
            work()
        except EngineError as error:
            failure = error
        # a capture that was begun must be ended, or the stream is of no more use
        status, graph = runtime.cudaStreamEndCapture(stream)
        if failure is not None:
            if int(status) == 0:
                runtime.cudaGraphDestroy(graph)
            raise failure
        check("ending a CUDA graph", (status, graph))
        try:
            self._executable: Any = check("preparing a CUDA graph", runtime.cudaGraphInstantiate(graph, 0))
        finally:
            runtime.cudaGraphDestroy(graph)

    def launch(self) -> None:
        """Queues the work. Raises EngineError."""
        self._check("launching a CUDA graph", self._runtime.cudaGraphLaunch(self._executable, self._stream))

    def free(self) -> None:
        """Gives it back; calling it again is fine."""
        if self._executable is not None:
            executable, self._executable = self._executable, None
            self._check("freeing a CUDA graph", self._runtime.cudaGraphExecDestroy(executable))
