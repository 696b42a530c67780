"""`python -m bench.gpu`: every model and precision through `torch-cuda` on an NVIDIA GPU, by the GPU's own clock.

Each artifact is checked on its golden frame first. Beside it, in the same process, plain eager PyTorch of the
straightforward form in float32 on the same GPU, and what that GPU's convolutions reach at best. What is done is kept in
`gpu.json`, and a run that was stopped goes on from there, on the same machine; `--again` replaces what it measures.
`docs.make_engines` and `docs.make_models` read that file.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.gpu_report import gpu_report, network_of
from bench.kept import write_results
from bench.straightforward import straightforward
from depth_sr_ros.artifact import SHIPPED, Artifact, list_artifacts, read_artifact
from depth_sr_ros.cameras.grids import colour_on_grid, depth_on_grid, frame_layout
from depth_sr_ros.commands.timing import synthetic_frame
from depth_sr_ros.engines.base import Arrays, EngineError, EngineUnavailable, Precision
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.engines.torch.cuda_engine import TorchCudaEngine
from depth_sr_ros.engines.torch.frames import device_milliseconds, fastest_exact_convolutions
from depth_sr_ros.engines.torch.network import load_network
from depth_sr_ros.models.export.frame_graph import FrameGraph

Row = dict[str, Any]

_SIZE = (640, 480)
_SCALING = ((320, 240), (960, 720), (1280, 960), (1920, 1080))
_GROWING = ("fdkn_x8", "fdkn_s_x8", "dagf_x8", "jiif_x8")
_TYPES: dict[Precision, torch.dtype] = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
# channels, height and width of 3 x 3 convolutions that a GPU runs near its limit
_SHAPES = ((64, 480, 640), (128, 240, 320), (256, 240, 320), (512, 120, 160))
_COPY_BYTES = 2**30
_WARM_UP = 3


def main() -> int:
    """Measures what is missing and prints the table; returns the exit status, 1 where there is no GPU."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--only", nargs="*", help="names of artifacts to measure (default: all at x8 but variants)")
    parser.add_argument("--rounds", type=int, default=30, help="frames of each (default 30)")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    options = parser.parse_args()
    try:
        TorchCudaEngine.precisions()
    except EngineUnavailable as missing:
        print(missing, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    jobs: dict[str, Callable[[], Row]] = {"machine": lambda: _machine(options.rounds)}
    for name in options.only or list_artifacts():
        artifact = read_artifact(SHIPPED / name)
        if options.only or (artifact.card.scale == 8 and not artifact.card.variant):
            jobs[name] = partial(_measured, artifact, options.rounds)
    here = {"name": torch.cuda.get_device_name(), "torch": torch.__version__}
    try:
        print(gpu_report(measure(jobs, options.out / "gpu.json", here, options.again)))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def measure(jobs: Mapping[str, Callable[[], Row]], file: Path, here: Mapping[str, str], again: bool = False) -> Row:
    """Runs the jobs whose results are not in a file yet, and keeps each there; gives all that the file then holds.

    Args:
        jobs: by name.
        file: JSON, made if missing.
        here: what the file's `machine`, if it has one, must say of this machine.
        again: run all of them.

    Raises:
        ValueError: the file holds another machine's results.
    """
    results: Row = json.loads(file.read_text()) if file.is_file() else {}
    there = {what: results["machine"].get(what) for what in here} if "machine" in results else here
    if there != here:
        raise ValueError(f"{file}: expected results of this machine, {dict(here)}, found {there}; choose another --out")
    for name, job in jobs.items():
        if again or name not in results:
            print(f"{name} ...", flush=True)
            results[name] = job()
            write_results(results, file)
    return results


def _measured(artifact: Artifact, rounds: int) -> Row:
    """Everything about one artifact."""
    rows = {precision: _row(artifact, precision, rounds) for precision in TorchCudaEngine.precisions()}
    serves = next((precision for precision, row in rows.items() if "refused" not in row), None)
    scaling: dict[str, Row] = {}
    if artifact.folder.name in _GROWING and serves is not None:
        for width, height in _SCALING:
            row = _or_refused(partial(_times, artifact, serves, (width, height), rounds))
            scaling[f"{width}x{height}"] = {"precision": serves, **row}
    return {
        "network": network_of(artifact.card.model, artifact.card.options),
        "weights_id": artifact.weights_id,
        "gflop": _gflop(artifact),
        "rows": rows,
        "scaling": {size: row for size, row in scaling.items() if "refused" not in row},
        "straightforward_ms": _straightforward(artifact, rounds),
    }


def _row(artifact: Artifact, precision: Precision, rounds: int) -> Row:
    """Error on the golden frame and times, or why it is refused."""

    def work() -> Row:
        error = check_engine(TorchCudaEngine, artifact, precision, threads=0).error
        return {"golden_error": error, **_times(artifact, precision, _SIZE, rounds)}

    return _or_refused(work)


def _or_refused(work: Callable[[], Row]) -> Row:
    try:
        return work()
    except EngineError as refusal:
        return {"refused": str(refusal)}


def _times(artifact: Artifact, precision: Precision, size: tuple[int, int], rounds: int) -> Row:
    """Milliseconds of the device and on the clock, and the GPU memory that a frame of (width, height) needs."""
    inputs = _frame(artifact, size)
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    clock = []
    with TorchCudaEngine(artifact, inputs["depth"].shape, precision) as engine:
        for _ in range(_WARM_UP + rounds):
            start = time.perf_counter()
            engine.infer(inputs)
            clock.append((time.perf_counter() - start) * 1e3)
        whole, copies = engine.device_milliseconds(rounds)
        notes = engine.describe().notes
    return {
        "engine_ms": statistics.median(frame - copied for frame, copied in zip(whole, copies, strict=True)),
        "copies_ms": statistics.median(copies),
        "infer_ms": statistics.median(clock[_WARM_UP:]),
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20,
        "notes": list(notes),
    }


def _frame(artifact: Artifact, size: tuple[int, int]) -> Arrays:
    """A synthetic frame of (width, height) as `Upsampler` brings it to the network's grid."""
    card, (width, height) = artifact.card, size
    rgb, depth = synthetic_frame(height, width, card.scale)
    layout = frame_layout(rgb.shape[:2], depth.shape, card.scale, (card.scale,), card.size_multiple)
    return {"rgb": colour_on_grid(rgb, layout), "depth": depth_on_grid(depth, layout, rgb.shape[:2])}


def _straightforward(artifact: Artifact, rounds: int) -> float:
    """Milliseconds on the GPU of the straightforward form, eager, float32 proper."""
    graph: Any = straightforward(artifact)
    graph.to("cuda")
    inputs = [torch.from_numpy(array).cuda() for array in (_frame(artifact, _SIZE)[name] for name in ("rgb", "depth"))]
    with torch.device("cuda"), torch.inference_mode(), fastest_exact_convolutions():
        return _device_time(lambda: graph(*inputs), rounds)


def _gflop(artifact: Artifact) -> float:
    """Arithmetic of the network's convolutions and matrix products for a frame, two per multiplication and addition."""
    frame = _frame(artifact, _SIZE)
    graph = FrameGraph(load_network(artifact)).to("cuda").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        graph(*(torch.from_numpy(frame[name]).cuda() for name in ("rgb", "depth")))
    return float(counter.get_total_flops() * 1e-9)


def _machine(rounds: int) -> Row:
    """What the GPU is and reaches at best."""
    source = torch.ones(_COPY_BYTES // 4, device="cuda")
    target = torch.empty_like(source)
    copy = _device_time(lambda: target.copy_(source), rounds)
    return {
        "name": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "rounds": rounds,
        "gflop_per_s": {
            name: max(_convolution(shape, _TYPES[name], rounds) for shape in _SHAPES)
            for name in TorchCudaEngine.precisions()
        },
        "copy_gb_per_s": 2 * _COPY_BYTES / copy * 1e-6,
    }


def _convolution(shape: tuple[int, int, int], kind: torch.dtype, rounds: int) -> float:
    """GFLOP per second of one convolution."""
    channels, height, width = shape
    image = torch.rand((1, channels, height, width), device="cuda", dtype=kind)
    image = image.contiguous(memory_format=torch.channels_last)
    kernel = 0.05 * torch.randn((channels, channels, 3, 3), device="cuda", dtype=kind)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), fastest_exact_convolutions():
        spent = _device_time(lambda: F.conv2d(image, kernel, padding=1), rounds)
    return 2 * 9 * channels**2 * height * width / spent * 1e-6


def _device_time(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of some work on the current CUDA stream, after a few rounds that do not count."""
    for _ in range(_WARM_UP):
        work()
    return statistics.median(device_milliseconds([work], rounds)[0])


if __name__ == "__main__":
    sys.exit(main())
