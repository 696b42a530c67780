"""`python -m bench.gpu`: every model and precision through `torch-cuda` on an NVIDIA GPU, by the GPU's own clock.

Each artifact is checked on its golden frame first. Beside it, in the same process, plain eager PyTorch of the
straightforward form in float32 on the same GPU, and what that GPU's convolutions reach at best. What is done is kept in
`gpu.json`, and a run that was stopped goes on from there. `docs.make_engines` and `docs.make_models` read it.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from bench.gpu_report import gpu_report, network_of
from bench.straightforward import straightforward
from depth_sr_ros.artifact import SHIPPED, Artifact, list_artifacts, read_artifact
from depth_sr_ros.engines.base import EngineError, EngineUnavailable, Precision
from depth_sr_ros.engines.selfcheck import check_engine
from depth_sr_ros.engines.torch_cuda import TorchCudaEngine
from depth_sr_ros.engines.torch_network import load_network
from depth_sr_ros.models.frame_graph import FrameGraph
from depth_sr_ros.timing import made_up_frame

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
    """Measures what is missing and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench"))
    parser.add_argument("--only", nargs="*", help="names of artifacts to measure (default: all at x8 but variants)")
    parser.add_argument("--rounds", type=int, default=50, help="frames of each")
    parser.add_argument("--again", action="store_true", help="measure what is there already, too")
    options = parser.parse_args()
    try:
        TorchCudaEngine.precisions()
    except EngineUnavailable as missing:
        print(missing, file=sys.stderr)
        return 1
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "gpu.json"
    results: Row = json.loads(file.read_text()) if file.is_file() and not options.again else {}
    jobs: dict[str, Callable[[], Row]] = {"machine": lambda: _machine(options.rounds)}
    for name in options.only or list_artifacts():
        artifact = read_artifact(SHIPPED / name)
        if options.only or (artifact.card.scale == 8 and not artifact.card.variant):
            jobs[name] = lambda artifact=artifact: _measured(artifact, options.rounds)
    for name, job in jobs.items():
        if name not in results:
            print(f"{name} ...", flush=True)
            results[name] = job()
            building = file.with_suffix(".new")
            building.write_text(json.dumps(results, indent=2) + "\n")
            building.replace(file)
    print(gpu_report(results))
    return 0


def _measured(artifact: Artifact, rounds: int) -> Row:
    """Everything about one artifact."""
    offered = TorchCudaEngine.precisions()
    rows = {precision: _row(artifact, precision, rounds) for precision in offered}
    scaling = {}
    if artifact.folder.name in _GROWING:
        for size in _SCALING:
            scaling["x".join(map(str, size))] = _times(artifact, offered[0], size, rounds)
    return {
        "network": network_of(artifact),
        "gflop": _gflop(artifact),
        "rows": rows,
        "scaling": scaling,
        "straightforward_ms": _straightforward(artifact),
    }


def _row(artifact: Artifact, precision: Precision, rounds: int) -> Row:
    try:
        error = check_engine(TorchCudaEngine, artifact, precision, threads=0).error
    except EngineError as refusal:
        return {"refused": str(refusal)}
    return {"golden_error": error, **_times(artifact, precision, _SIZE, rounds)}


def _times(artifact: Artifact, precision: Precision, size: tuple[int, int], rounds: int) -> Row:
    """Milliseconds of the device and on the clock, and the GPU memory that a frame of (width, height) needs."""
    width, height = size
    rgb, depth = made_up_frame(height, width, artifact.card.scale)
    multiple = artifact.card.size_multiple
    if height % multiple or width % multiple:
        rgb, depth = _padded(rgb, depth, artifact.card.scale, multiple)
    frame = {"rgb": rgb, "depth": np.nan_to_num(depth)}
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    clock = []
    with TorchCudaEngine(artifact, frame["depth"].shape, precision) as engine:
        for _ in range(_WARM_UP + rounds):
            start = time.perf_counter()
            engine.infer(frame)
            clock.append((time.perf_counter() - start) * 1e3)
        whole, copies = engine.device_milliseconds(rounds)
        notes = engine.describe().notes
    copied = statistics.median(copies)
    return {
        "engine_ms": statistics.median(whole) - copied,
        "copies_ms": copied,
        "infer_ms": statistics.median(clock[_WARM_UP:]),
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20,
        "notes": list(notes),
    }


def _padded(rgb: Any, depth: Any, scale: int, multiple: int) -> tuple[Any, Any]:
    """The frame with its last rows and columns repeated up to a multiple, as `Upsampler` does it."""
    low = [-(-side * scale // multiple) * multiple // scale for side in depth.shape]
    more = [(0, side - found) for side, found in zip(low, depth.shape, strict=True)]
    edges = [(0, side * scale - found) for side, found in zip(low, rgb.shape[:2], strict=True)]
    return np.pad(rgb, (*edges, (0, 0)), mode="edge"), np.pad(depth, more, mode="edge")


def _straightforward(artifact: Artifact) -> float:
    """Milliseconds on the GPU of the straightforward form, eager, float32 proper."""
    rgb, depth = made_up_frame(_SIZE[1], _SIZE[0], artifact.card.scale)
    graph: Any = straightforward(artifact)
    graph.to("cuda")
    inputs = torch.from_numpy(rgb).cuda(), torch.from_numpy(np.nan_to_num(depth)).cuda()
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False)
    with torch.device("cuda"), torch.inference_mode(), flags:
        found = device_time(lambda: graph(*inputs), 5)
    return found


def _gflop(artifact: Artifact) -> float:
    """Arithmetic of the network's convolutions and matrix products for a frame, two per multiplication and addition."""
    rgb, depth = made_up_frame(_SIZE[1], _SIZE[0], artifact.card.scale)
    graph = FrameGraph(load_network(artifact)).to("cuda").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        graph(torch.from_numpy(rgb).cuda(), torch.from_numpy(np.nan_to_num(depth)).cuda())
    return float(counter.get_total_flops() * 1e-9)


def _machine(rounds: int) -> Row:
    """What the GPU is and reaches at best."""
    source = torch.ones(_COPY_BYTES // 4, device="cuda")
    target = torch.empty_like(source)
    copy = device_time(lambda: target.copy_(source), rounds)
    return {
        "name": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "rounds": rounds,
        "gflop_per_s": {name: max(_convolution(s, t, rounds) for s in _SHAPES) for name, t in _TYPES.items()},
        "copy_gb_per_s": 2 * _COPY_BYTES / copy * 1e-6,
    }


def _convolution(shape: tuple[int, int, int], kind: torch.dtype, rounds: int) -> float:
    """GFLOP per second of one convolution."""
    channels, height, width = shape
    image = torch.rand((1, channels, height, width), device="cuda", dtype=kind)
    image = image.contiguous(memory_format=torch.channels_last)
    kernel = 0.05 * torch.randn((channels, channels, 3, 3), device="cuda", dtype=kind)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False)
    with torch.inference_mode(), flags:
        spent = device_time(lambda: F.conv2d(image, kernel, padding=1), rounds)
    return 2 * 9 * channels**2 * height * width / spent * 1e-6


def device_time(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of some work on the current CUDA stream, by events, after a few rounds that do not count."""
    for _ in range(_WARM_UP):
        work()
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(rounds)]
    for first, last in events:
        first.record()
        work()
        last.record()
    torch.cuda.synchronize()
    return statistics.median(first.elapsed_time(last) for first, last in events)


if __name__ == "__main__":
    sys.exit(main())
