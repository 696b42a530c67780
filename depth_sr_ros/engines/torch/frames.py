"""A frame graph in PyTorch with fixed buffers on a device: one copy in, one copy out, the same work for every frame.

Only `cuda_engine` imports this, and only when it builds an engine. On a CUDA device everything runs on a stream of its
own, host buffers are pinned, and the frame's work, copies included, is recorded once as a CUDA graph and replayed. On
a CPU the same code runs without stream and recording, which is how it is tested where there is no GPU.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from depth_sr_ros.engines.base import Arrays
from depth_sr_ros.frame_graphs import ArrayKinds

Layout = Mapping[str, tuple[tuple[int, ...], torch.dtype]]
"""Shapes and types of arrays by name."""

_ALIGNMENT = 256  # bytes, of every array in a buffer
_WARM_UPS = 3  # kernels are compiled and convolution algorithms measured in the first


class Packed:
    """Arrays side by side in one buffer, so that one copy moves them all.

    Args:
        layout: the arrays.
        device: where the buffer lies.
        pinned: whether it is page-locked host memory.
    """

    def __init__(self, layout: Layout, device: torch.device, pinned: bool = False) -> None:
        sizes = {name: torch.Size(shape).numel() * dtype.itemsize for name, (shape, dtype) in layout.items()}
        padded = {name: -(-size // _ALIGNMENT) * _ALIGNMENT for name, size in sizes.items()}
        self.buffer = torch.zeros(sum(padded.values()), dtype=torch.uint8, device=device, pin_memory=pinned)
        self._arrays: dict[str, Tensor] = {}
        start = 0
        for name, (shape, dtype) in layout.items():
            self._arrays[name] = self.buffer[start : start + sizes[name]].view(dtype).view(shape)
            start += padded[name]

    def __getitem__(self, name: str) -> Tensor:
        return self._arrays[name]

    def copy_from(self, other: Packed) -> None:
        """Takes the content of another of the same layout over, in the order of the current stream."""
        self.buffer.copy_(other.buffer, non_blocking=True)


def fastest_exact_convolutions() -> contextlib.AbstractContextManager[None]:
    """Convolutions by the fastest algorithm, in float32 proper where they are in float32."""
    flags: contextlib.AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=True, deterministic=False, allow_tf32=False
    )
    return flags


def device_milliseconds(works: Sequence[Callable[[], object]], rounds: int) -> list[list[float]]:
    """Milliseconds of each work on the current CUDA stream, in turn, by the GPU's own clock: a list of rounds each."""
    events = [[[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(rounds)] for _ in works]
    for number in range(rounds):
        for work, of_work in zip(works, events, strict=True):
            first, last = of_work[number]
            first.record()
            work()
            last.record()
    torch.cuda.current_stream().synchronize()
    return [[first.elapsed_time(last) for first, last in of_work] for of_work in events]


def _layout(kinds: ArrayKinds) -> Layout:
    return {name: (shape, torch.from_numpy(np.empty(0, kind)).dtype) for name, (shape, kind) in kinds.items()}


class FrameRunner:
    """A frame graph, ready for frames of one size. Used from one thread.

    Args:
        graph: takes the inputs and returns the outputs, in their order; on `device`, in evaluation mode.
        inputs: their shapes and numpy types.
        outputs: theirs.
        device: where to run.

    Attributes:
        notes: a sentence if the CUDA graph could not be recorded; kernels are then launched one by one.

    Raises:
        RuntimeError: the device failed.
    """

    def __init__(self, graph: nn.Module, inputs: ArrayKinds, outputs: ArrayKinds, device: torch.device) -> None:
        self.notes: tuple[str, ...] = ()
        self._graph, self._device = graph, device
        cuda = device.type == "cuda"
        self._order, self._names = tuple(inputs), tuple(outputs)
        coming, going = _layout(inputs), _layout(outputs)
        host = torch.device("cpu")
        self._sent, self._received = Packed(coming, host, pinned=cuda), Packed(going, host, pinned=cuda)
        self._inputs, self._outputs = Packed(coming, device), Packed(going, device)
        self._stream = torch.cuda.Stream(device) if cuda else None
        self._recording: torch.cuda.CUDAGraph | None = None
        if cuda:
            torch.cuda.synchronize(device)  # weights and buffers were filled on another stream
        for _ in range(_WARM_UPS if cuda else 1):
            self._launch()
            self._wait()
        if cuda:
            self._record()

    def __call__(self, frame: Arrays) -> Arrays:
        """Runs a frame of the right names, shapes and types; the results belong to the caller."""
        for name, array in frame.items():
            self._sent[name].numpy()[...] = array
        self._launch()
        self._wait()
        return {name: self._received[name].numpy().copy() for name in self._names}

    def device_milliseconds(self, rounds: int) -> tuple[list[float], list[float]]:
        """How long the device works on a frame, copies included, and on its copies in and out alone, by its own clock.

        Args:
            rounds: of each, in turn.

        Returns:
            Milliseconds of the whole and of the copies, a round each.

        Raises:
            ValueError: not on a CUDA device, which alone has such a clock.
        """
        if self._stream is None:
            raise ValueError(f"device_milliseconds: expected a CUDA device, found {self._device}")

        def copies() -> None:
            self._inputs.copy_from(self._sent)
            self._received.copy_from(self._outputs)

        with torch.cuda.stream(self._stream):
            whole, copied = device_milliseconds((self._launch, copies), rounds)
        return whole, copied

    def close(self) -> None:
        """Frees the device's memory; the runner cannot be used after."""
        self._recording = None
        del self._graph, self._inputs, self._outputs, self._sent, self._received
        if self._stream is not None:
            torch.cuda.empty_cache()

    def _launch(self) -> None:
        if self._recording is not None:
            with torch.cuda.stream(self._stream):
                self._recording.replay()
            return
        with self._setting():
            self._step()

    def _wait(self) -> None:
        if self._stream is not None:
            self._stream.synchronize()

    @torch.inference_mode()
    def _step(self) -> None:
        self._inputs.copy_from(self._sent)
        found = self._graph(*(self._inputs[name] for name in self._order))
        for name, output in zip(self._names, found, strict=True):
            self._outputs[name].copy_(output)
        self._received.copy_from(self._outputs)

    @contextlib.contextmanager
    def _setting(self) -> Iterator[None]:
        """The stream, and convolutions as `fastest_exact_convolutions` has them."""
        if self._stream is None:
            yield
            return
        with torch.cuda.stream(self._stream), fastest_exact_convolutions():
            yield

    def _record(self) -> None:
        recording = torch.cuda.CUDAGraph()
        try:
            # other threads of a node may allocate meanwhile
            with (
                self._setting(),
                torch.cuda.graph(recording, stream=self._stream, capture_error_mode="thread_local"),
            ):
                self._step()
            self._recording = recording
            self._launch()
            self._wait()
        except RuntimeError as error:
            self._recording = None
            self.notes = (f"no CUDA graph, kernels are launched one by one: {str(error).splitlines()[0]}",)
            torch.cuda.synchronize(self._device)
            self._stream = torch.cuda.Stream(self._device)
            self._launch()
            self._wait()
