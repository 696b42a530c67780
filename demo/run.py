"""Runs the demo: node and camera as processes of their own, this one watches them and writes the report."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo.comparison import Accuracy, Compared, compare
from demo.picture import picture
from demo.processes import LoggedProcess
from demo.publisher import BEGAN
from demo.scene import DemoError
from demo.show import Show, open_show, prepare
from demo.table import LiveTable
from demo.watcher import NodeReport, Watcher
from depth_sr_ros.recordings.image_files import write_image
from depth_sr_ros.ros.replay_cameras import numbers

_COMPARED_FRAMES = 20
_SETTLE_S = 5.0


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs.

    Attributes:
        bag: recording to show; None for the demo's scene.
        seconds: how long.
        out: folder of report, picture and logs.
        cache: folder of the downloaded scene.
        patience_s: how long to wait for the node, and then for its first frame.
        node_arguments: further command line of the node.
    """

    bag: Path | None
    seconds: float
    out: Path
    cache: Path
    patience_s: float = 30.0
    node_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Watched:
    report: NodeReport
    started_ns: int
    compared: list[Compared]
    received: int


def run_demo(options: DemoOptions) -> dict[str, Any]:
    """Runs the demo and writes `report.json` and, where an output can be put beside its input, `frame.png`.

    Returns:
        The report, as written.

    Raises:
        DemoError: no frame came out; the message says what the node said.
        RecordingError: the user's recording cannot be read.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        rendered = Path(folder) / "raw_depth.npy"
        show = open_show(options.bag, options.cache, rendered)
        print(show.explanation, flush=True)
        watched = _watch(show, options, rendered)
    report = make_report(show, watched, options.seconds)
    (options.out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    (options.out / "frame.png").unlink(missing_ok=True)  # of an earlier run
    if watched.compared:
        scene = "simulated from real ground truth (Middlebury 2014 Motorcycle)"
        scene = scene if show.simulated else Path(show.published.name).name
        title = f"{report['model']} on {report['engine']}, {scene}. Black: no value"
        write_image(options.out / "frame.png", picture(watched.compared[len(watched.compared) // 2], title))
    return report


def make_report(show: Show, watched: _Watched, seconds: float) -> dict[str, Any]:
    """The report: counters, latency and errors, all as the node and the comparison measured them."""
    node = watched.report
    dropped = {cause: count for cause, count in node.dropped.items() if count}
    pairs_in, frames_out = node.count("pairs_in"), node.count("frames_out")
    if pairs_in != frames_out + sum(dropped.values()):
        raise DemoError(f"the node's counters do not add up: {pairs_in} pairs in, {frames_out} out, dropped {dropped}")
    accuracy = Accuracy.of(watched.compared)
    return {
        "model": node.values["model"],
        "engine": node.values["engine"],
        "pairs_in": pairs_in,
        "frames_out": frames_out,
        "dropped": dropped,
        "latency_ms": {key: node.number(f"latency_ms/age_at_publish/{key}") for key in ("p50", "p95")},
        "rmse_m": accuracy.rmse_m if accuracy else None,
        "mae_m": accuracy.mae_m if accuracy else None,
        "coverage": accuracy.coverage if accuracy else None,
        "latency_from": "stamp of the depth frame to its publication, camera, transport and node together",
        "stages_ms": _stages(node),
        "rmse_frames": len(watched.compared) if accuracy else 0,
        "rmse_reason": None if accuracy else show.explanation,
        "scene": show.explanation,
        "simulated": show.simulated,
        "precision": node.values["precision"],
        "weights_id": node.values["weights_id"],
        "received": watched.received,
        "picture": "frame.png" if watched.compared else None,
        "seconds": seconds,
        "machine": f"{node.values['device']}, {os.cpu_count()} threads, {platform.system()} {platform.machine()}",
    }


def _stages(node: NodeReport) -> dict[str, dict[str, float]]:
    stages: dict[str, dict[str, float]] = {}
    for key, value in node.values.items():
        if key.startswith("latency_ms/"):
            _, stage, figure = key.split("/")
            stages.setdefault(stage, {})[figure] = float(value)
    return stages


def _watch(show: Show, options: DemoOptions, rendered: Path) -> _Watched:
    frames = show.published.rate_hz * options.seconds
    watcher = Watcher(max(1, round(frames / _COMPARED_FRAMES)), _COMPARED_FRAMES)
    try:
        node_arguments = [*_told_to_the_node(show), *options.node_arguments]
        with LoggedProcess("depth_sr_ros.ros.node", node_arguments, options.out / "node.log") as node:
            print("Starting the node …", flush=True)
            prepare(show, options.cache, rendered)  # in the meantime
            if not watcher.spin(options.patience_s, lambda: watcher.ready or node.ended) or node.ended:
                raise DemoError(f"the node did not start: {_said(watcher, node)}")
            arguments = ["--cache", str(options.cache), "--seconds", str(options.seconds), "--rendered", str(rendered)]
            arguments += ["--bag", str(options.bag)] if options.bag else []
            with LoggedProcess("demo.publisher", arguments, options.out / "camera.log", read_output=True) as camera:
                started_ns = _follow(watcher, node, camera, options.patience_s)
            _settle(watcher, node)
        compared = list(compare(show, started_ns, watcher.kept()))
        return _Watched(watcher.report, started_ns, compared, watcher.frames)
    finally:
        watcher.close()


def _told_to_the_node(show: Show) -> list[str]:
    """How the depth camera stands to the colour camera, where depth is not registered."""
    if show.cameras is None or show.cameras.depth_to_colour is None:
        return []
    # a parameter of doubles takes no whole numbers; what replay hands over is the same to the last digit
    told = ", ".join(np.format_float_positional(number, trim="0") for number in numbers(show.cameras.depth_to_colour))
    return ["--ros-args", "-p", f"depth_to_colour:=[{told}]", "--"]


def _follow(watcher: Watcher, node: LoggedProcess, camera: LoggedProcess, patience_s: float) -> int:
    """Shows the table until the camera is done; returns the time its stamps count from."""
    table, deadline = LiveTable(), time.monotonic() + patience_s
    while not camera.ended:
        watcher.spin(0.2, lambda: camera.ended or node.ended)
        table.show(watcher.report, watcher.frames)
        if node.ended:
            raise DemoError(f"the node ended early: {_said(watcher, node)}")
        if watcher.frames == 0 and time.monotonic() > deadline:
            raise DemoError(f"no frame came out in {patience_s:g} s: {_said(watcher, node)}")
    watcher.spin(1.0, lambda: watcher.frames > 0)
    began = [line for line in camera.lines() if line.startswith(BEGAN)]
    if not began:
        raise DemoError(f"the camera process failed; it said: {camera.last_words()}")
    if watcher.frames == 0:
        raise DemoError(f"no frame came out: {_said(watcher, node)}")
    return int(began[0].removeprefix(BEGAN))


def _settle(watcher: Watcher, node: LoggedProcess) -> None:
    """Waits for a report made after the last frame, in which every pair is accounted for."""
    ended = time.monotonic()
    if not watcher.spin(_SETTLE_S, lambda: watcher.report.received > ended + 1 and watcher.report.settled):
        raise DemoError(f"the node's counters do not settle: {_said(watcher, node)}")


def _said(watcher: Watcher, node: LoggedProcess) -> str:
    stream = watcher.report.messages.get("stream")
    told = f"its diagnostics said: {stream}; " if stream else ""
    return f"{told}its log ({node.log}) ends: {node.last_words()}"
