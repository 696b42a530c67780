"""The command `depth-sr bench`: how long a frame takes here: by the node's default, or by engine and precision."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_sr_ros.command_line import ExitStatus, positive

if TYPE_CHECKING:
    from depth_sr_ros.artifact import Artifact
    from depth_sr_ros.upsampler import Upsampler


SUMMARY = "time a frame: the node's default, or a network engine by engine"
TAKES_ROS_ARGS = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument("--model", default="fdkn", help="network (default fdkn)")
    parser.add_argument(
        "--scale", type=int, default=0, help="of the papers' networks; 0 (default) times what serves any ratio"
    )
    parser.add_argument("--weights", type=Path, help="artifact folder, instead of the shipped one")
    parser.add_argument("--size", default="640x480", metavar="WxH", help="of the colour image (default 640x480)")
    parser.add_argument(
        "--ratio", type=positive, default=2.0,
        help="colour pixels per depth pixel along a line, where no scale says it (default 2)",
    )  # fmt: skip
    parser.add_argument("--engine", nargs="+", help="engines to time (default: all that are installed)")
    parser.add_argument("--precision", nargs="+", help="precisions to time (default: all that an engine supports here)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for the engines' own choice")
    parser.add_argument("--rounds", type=int, default=20, help="frames of each (default 20)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Runs the command; returns its exit status: 1 where no engine could be timed."""
    from depth_sr_ros.commands.progress_line import ProgressLine
    from depth_sr_ros.commands.timing import synthetic_frame, time_in_turn

    width, height = parse_size(options.size)
    if options.rounds < 1:
        raise ValueError(f"--rounds: expected a whole number of 1 or more, found {options.rounds}")
    what, ratio, served, refused = _served(options)
    rgb, depth = synthetic_frame(height, width, ratio)
    stages: dict[str, list[float]] = {name: [] for name in served}

    def case(name: str, upsampler: Upsampler) -> None:
        stages[name].append(upsampler(rgb, depth).timings["engine"])

    line = ProgressLine(options.rounds + 2)
    cases = {name: (lambda name=name, u=u: case(name, u)) for name, u in served.items()}
    timings = time_in_turn(cases, options.rounds, progress=lambda done: line.update(done, "rounds"))
    line.close()
    rows = {n: {**asdict(t), "engine": sorted(stages[n][2:])[len(stages[n][2:]) // 2]} for n, t in timings.items()}
    sizes = {"size": [width, height], "depth_size": [depth.shape[1], depth.shape[0]]}
    report = {"artifact": what, **sizes, "frames": rows, "refused": refused}
    print(json.dumps(report, indent=2) if options.json else _text(report))
    return ExitStatus.DONE if rows else ExitStatus.INCOMPLETE


def _served(options: argparse.Namespace) -> tuple[str, float, dict[str, Upsampler], dict[str, str]]:
    """What is timed, colour pixels per depth pixel, and as `upsamplers` says."""
    from depth_sr_ros.artifact import find_artifact, read_artifact, shipped_scales
    from depth_sr_ros.upsampler import Upsampler

    if options.weights or options.scale or 0 in shipped_scales(options.model):
        artifact = read_artifact(options.weights) if options.weights else find_artifact(options.model, options.scale)
        served, refused = upsamplers(artifact, options.engine or (), options.precision or (), options.threads)
        return artifact.card.name, artifact.card.scale or options.ratio, served, refused
    if options.engine or options.precision:
        raise ValueError(
            "--engine, --precision: expected a --scale or --weights with them, found none; scale 0 is served by a "
            "filter, which has neither"
        )
    upsampler = Upsampler(options.model, threads=options.threads)
    info = upsampler.describe()
    return info.model, options.ratio, {f"{info.engine} {info.precision}": upsampler}, {}


def upsamplers(
    artifact: Artifact, engines: Sequence[str] = (), precisions: Sequence[str] = (), threads: int = 0
) -> tuple[dict[str, Upsampler], dict[str, str]]:
    """Every way to serve an artifact here.

    Args:
        artifact: what to serve.
        engines: names of engines; none means all.
        precisions: names of precisions; none means all that an engine has here.
        threads: for each engine, 0 for its own choice.

    Returns:
        What serves, by engine and precision, e.g. `openvino bf16`; and by the same names why others do not.

    Raises:
        ValueError: there is no such engine.
    """
    from depth_sr_ros.engines import ENGINE_NAMES, EngineError
    from depth_sr_ros.engines.select import load_runtime
    from depth_sr_ros.upsampler import Upsampler, UpsamplerError

    served, refused = {}, {}
    for engine in engines or ENGINE_NAMES[1:]:
        if engine not in ENGINE_NAMES[1:]:
            raise ValueError(f"--engine: expected some of {ENGINE_NAMES[1:]}, found {engine!r}")
        try:
            offered = load_runtime(engine).precisions_of(artifact)
        except EngineError as error:
            refused[engine] = str(error)
            continue
        for precision in precisions or offered:
            name, card = f"{engine} {precision}", artifact.card
            settings = {"weights": artifact.folder, "engine": engine, "precision": precision, "threads": threads}
            try:
                served[name] = Upsampler(card.model, card.scale, **settings)  # type: ignore[arg-type]
            except UpsamplerError as error:
                refused[name] = str(error)
    return served, refused


def _text(report: dict[str, Any]) -> str:
    width, height = report["size"]
    depth = "{}x{}".format(*report["depth_size"])
    lines = [f"{report['artifact']} at {width}x{height} from {depth}, milliseconds per frame, timed in turn:"]
    lines.append(f"{'engine':<20}{'frame p50':>11}{'p95':>9}{'engine p50':>12}{'processor':>11}")
    for name, row in sorted(report["frames"].items(), key=lambda item: item[1]["median"]):
        figures = f"{row['median']:11.1f}{row['p95']:9.1f}{row['engine']:12.1f}{row['processor']:11.1f}"
        lines.append(f"{name:<20}{figures}")
    lines += [f"{name}: {reason}" for name, reason in report["refused"].items()]
    return "\n".join(lines)


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of `WIDTHxHEIGHT`. Raises ValueError for anything else."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"--size: expected WIDTHxHEIGHT such as 640x480, found {text!r}")
    return int(sides[0]), int(sides[1])
