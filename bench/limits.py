"""What the machine can do at best: arithmetic of convolutions by precision, and bytes copied a second."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from depth_sr_ros.commands.timing import Case, Timing, time_in_turn
from depth_sr_ros.engines.openvino.core import openvino_core

PRECISIONS = ("fp32", "bf16", "int8")
"""What convolutions are measured in, where OpenVINO runs them here."""
_LAYERS = 4
_SHAPES = ((64, 120, 160), (128, 120, 160), (32, 240, 320), (256, 60, 80))
"""Channels, height and width of convolutions 3 x 3 that engines run near their limit."""
_COPY_BYTES = 256 * 2**20


def machine() -> str:
    """Processor, cores and Python, for the head of a report."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def limit_cases(threads: int) -> dict[str, Case]:
    """Convolutions to be timed in turn with what they limit, by name; `rates` reads the outcome.

    Args:
        threads: to use.
    """
    from depth_sr_ros.engines.openvino.engine import OpenVinoEngine

    there = (*OpenVinoEngine.precisions(), "int8")
    return {
        f"limit {precision} {number}": _convolution(shape, precision, threads)
        for precision in PRECISIONS
        if precision in there
        for number, shape in enumerate(_SHAPES)
    }


def rates(timings: Mapping[str, Timing]) -> dict[str, float]:
    """GFLOP per second by precision, of the fastest of `limit_cases` each."""
    found: dict[str, float] = {}
    for name, timing in timings.items():
        if name.startswith("limit "):
            _, precision, number = name.split()
            channels, height, width = _SHAPES[int(number)]
            work = _LAYERS * 2 * 9 * channels**2 * height * width
            found[precision] = max(found.get(precision, 0.0), work / timing.median * 1e-6)
    return found


def copy_bandwidth(rounds: int) -> float:
    """Gigabytes read and written a second by a large copy, one thread."""
    source = np.ones(_COPY_BYTES // 4, np.float32)
    target = np.empty_like(source)
    timing = time_in_turn({"copy": lambda: np.copyto(target, source)}, rounds)["copy"]
    return 2 * source.nbytes / timing.median * 1e-6


def arithmetic(graph: Path, grid: tuple[int, int], scale: int) -> float:
    """GFLOP of a graph's convolutions and matrix products for one frame, two per multiplication and addition."""
    model = openvino_core().read_model(graph)
    model.reshape({"rgb": [grid[0] * scale, grid[1] * scale, 3], "depth": list(grid)})
    return sum(_work(node) for node in model.get_ordered_ops()) * 1e-9


def _work(node: Any) -> float:
    kind = node.get_type_name()
    if kind in ("Convolution", "GroupConvolution"):
        # per output value, one product for each weight of its filter
        weights = list(node.get_input_shape(1))
        return 2.0 * float(np.prod(node.get_output_shape(0))) * float(np.prod(weights[2 if len(weights) == 5 else 1 :]))
    if kind == "MatMul":
        return 2.0 * float(np.prod(node.get_output_shape(0))) * float(node.get_input_shape(0)[-1])
    return 0.0


def _convolution(shape: tuple[int, int, int], precision: str, threads: int) -> Any:
    import openvino
    from openvino import opset13

    channels, height, width = shape
    rng = np.random.default_rng(0)
    parameter = opset13.parameter([1, channels, height, width], np.float32)
    weights = (0.05 * rng.standard_normal((channels, channels, 3, 3))).astype(np.float32)
    first: Any = parameter
    kernel: Any = opset13.constant(weights)
    # layers in a row, so that the layout is changed at the ends only and the cost of that is spread
    for _ in range(_LAYERS):
        if precision == "int8":
            first = opset13.fake_quantize(first, 0.0, 2.55, 0.0, 2.55, 256)
            kernel = opset13.fake_quantize(opset13.constant(weights), -0.127, 0.127, -0.127, 0.127, 255)
        first = opset13.relu(opset13.convolution(first, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    hint = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}[precision]
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    model = openvino.Model([opset13.result(opset13.reduce_mean(first, np.array([2, 3]), True))], [parameter])
    request = openvino_core().compile_model(model, "CPU", settings).create_infer_request()
    image = rng.random((1, channels, height, width), dtype=np.float32)
    return lambda: request.infer([image], share_inputs=True)
