"""Latency of the live node, end to end and per stage, at 640x480 and x8, beside the classical filters.

Camera and node run as processes of their own and talk over real DDS; the figures are those the node reports about
itself. The peers and the engine are timed in one further process, in turn, so that their ratio does not depend on what
else the machine was doing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.limits import machine
from demo.processes import LoggedProcess
from demo.watcher import NodeReport, Watcher
from depth_sr_ros.ros.dds_profile import use_profile

SCALE = 8
"""Of the network that is measured."""

_STAGES = (
    "sync_wait", "mailbox_wait", "decode", "prepare", "engine", "finish", "publish", "overhead", "total",
    "age_at_publish",
)  # fmt: skip


@dataclass(frozen=True)
class LiveRun:
    """One run of camera and node.

    Attributes:
        rate_hz: of the camera.
        published: depth images that the camera sent.
        pairs_in: pairs that reached the node.
        frames_out: frames that it published.
        dropped: pairs by cause.
        stages_ms: p50, p95 and max per stage.
        peak_memory_mib: largest resident size of the node's process.
    """

    rate_hz: float
    published: int
    pairs_in: int
    frames_out: int
    dropped: dict[str, int]
    stages_ms: dict[str, dict[str, float]]
    peak_memory_mib: float


def run_live(rate_hz: float, seconds: float, out: Path, cache: Path) -> LiveRun:
    """Runs camera and node for a time and reads the node's own figures.

    Raises:
        RuntimeError: node or camera failed; the message quotes them.
    """
    watcher = Watcher(keep_every=10**9, keep_at_most=0)
    try:
        node_log, camera_log = out / f"node_{rate_hz:g}hz.log", out / f"camera_{rate_hz:g}hz.log"
        with LoggedProcess("depth_sr_ros.ros.node", ["--ros-args", "-p", f"scale:={SCALE}"], node_log) as node:
            if not watcher.spin(60, lambda: watcher.ready or node.ended) or node.ended:
                raise RuntimeError(f"the node did not start: {node.last_words()}")
            arguments = ["--cache", str(cache), "--rate-hz", str(rate_hz), "--seconds", str(seconds)]
            with LoggedProcess("bench.camera", arguments, camera_log, read_output=True) as camera:
                watcher.spin(seconds + 60, lambda: camera.ended or node.ended)
                watcher.spin(3)
                if not camera.lines():
                    raise RuntimeError(f"the camera failed: {camera.last_words()}")
                published = int(camera.lines()[-1])
            return _read(watcher.report, rate_hz, published, node.peak_memory_mib())
    finally:
        watcher.close()


def _read(report: NodeReport, rate_hz: float, published: int, peak_memory_mib: float) -> LiveRun:
    figures = ("p50", "p95", "max")
    stages = {s: {f: float(report.values[f"latency_ms/{s}/{f}"]) for f in figures} for s in _STAGES}
    dropped = {cause: count for cause, count in report.dropped.items() if count}
    return LiveRun(
        rate_hz, published, report.count("pairs_in"), report.count("frames_out"), dropped, stages,
        peak_memory_mib,
    )  # fmt: skip


def run_peers(cache: Path) -> dict[str, Any]:
    """Medians of engine and peers.

    Raises:
        subprocess.CalledProcessError: the measurement failed.
    """
    command = [sys.executable, "-m", "bench.peers", "--cache", str(cache)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def report(runs: list[LiveRun], peers: dict[str, Any]) -> str:
    """The measurement as Markdown."""
    engine = f"{peers['engine']} {peers['precision']}"
    lines = [f"Machine: {machine()}. Engine: {engine}. 640x480 colour, 80x60 depth, x8.", ""]
    lines += ["| camera | pairs in | out | dropped | " + " | ".join(_STAGES) + " | peak memory |"]
    lines += ["|" + "---|" * (5 + len(_STAGES))]
    for run in runs:
        stages = " | ".join(f"{run.stages_ms[s]['p50']:.1f} / {run.stages_ms[s]['p95']:.1f}" for s in _STAGES)
        dropped = ", ".join(f"{count} {cause}" for cause, count in run.dropped.items()) or "0"
        lines.append(
            f"| {run.rate_hz:g} Hz | {run.pairs_in} of {run.published} | {run.frames_out} | "
            f"{dropped} | {stages} | {run.peak_memory_mib:.0f} MiB |"
        )
    lines += ["", "Stages: milliseconds, p50 / p95.", ""]
    lines += ["| method | median ms | relative to the upsampler |", "|---|---|---|"]
    own = peers["median_ms"]["upsampler"]
    lines += [f"| {name} | {ms:.2f} | {ms / own:.3f} |" for name, ms in peers["median_ms"].items()]
    return "\n".join(lines) + "\n"


def run(out: Path, cache: Path, seconds: float, rates: list[float]) -> str:
    """Runs everything, writes `latency.json` and `latency.md` into `out` and returns the Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    use_profile()
    runs = []
    for rate in rates:
        print(f"live at {rate:g} Hz for {seconds:g} s ...", flush=True)
        runs.append(run_live(rate, seconds, out, cache))
    print("engine and peers in turn ...", flush=True)
    peers = run_peers(cache)
    content = {"machine": machine(), "live": [asdict(r) for r in runs], "peers": peers}
    (out / "latency.json").write_text(json.dumps(content, indent=2) + "\n")
    text = report(runs, peers)
    (out / "latency.md").write_text(text)
    return text
