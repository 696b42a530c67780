"""`depth-sr compile`: builds plans before they are needed, so that a node starts on its best engine at once."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.command_line import ExitStatus

if TYPE_CHECKING:
    from depth_sr_ros.artifact import Artifact
    from depth_sr_ros.engines import PlanCache, PlanRequest
    from depth_sr_ros.engines.base import Precision
    from depth_sr_ros.engines.plans.planned import PlannedEngine

SUMMARY = "build engines ahead of time and cache them"
TAKES_ROS_ARGS = False
_POLL_S = 0.1
_HEAD = ("weights", "size", "engine", "precision", "plan", "seconds", "MiB", "self-check")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument(
        "weights", nargs="*", metavar="WEIGHTS",
        help="names of shipped weights, such as fdkn_x8, or artifact folders (default: those that the node would use "
        "for --model and --scale)",
    )  # fmt: skip
    parser.add_argument("--model", default="fdkn", help="network, if no WEIGHTS are given (default fdkn)")
    parser.add_argument(
        "--scale", type=int, default=0, help="its scale; 0 (default) is served by a filter, without plan"
    )
    parser.add_argument("--all", action="store_true", help="all weights that ship")
    parser.add_argument(
        "--size", type=_size, default=(640, 480), metavar="WxH", help="of the colour image (default 640x480)"
    )
    parser.add_argument("--engine", default="auto", help="name, or auto (default): every engine here that has plans")
    parser.add_argument("--precision", default="auto", help="name, all, or auto (default): what each engine prefers")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="folder of plans, as the node's `engine_cache`")
    parser.add_argument("--rebuild", action="store_true", help="rebuild plans that exist already")
    parser.epilog = "A node that starts later with the same settings on the same machine finds the plans."


@dataclass(frozen=True)
class _Outcome:
    """What became of a request: `how` is found, built or failed, `failure` says why."""

    request: PlanRequest
    how: str
    failure: str = ""


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Builds what the options ask for; 0 when every plan is there afterwards."""
    from depth_sr_ros.engines import PlanCache, PlanRequest

    cache = PlanCache(options.cache)
    requests = [
        PlanRequest(runtime, artifact, _grid(artifact, options.size), precision)
        for artifact in _artifacts(options)
        for runtime in _runtimes(options.engine)
        for precision in _precisions(runtime, artifact, options.precision)
    ]
    outcomes = [_obtain(request, cache, options.rebuild) for request in requests]
    print(_table(outcomes, cache))
    print(f"plans in {cache.folder}")
    for outcome in outcomes:
        if outcome.failure:
            print(f"{outcome.request}: {outcome.failure}", file=sys.stderr)
    failed = any(outcome.failure for outcome in outcomes)
    return ExitStatus.INCOMPLETE if failed else ExitStatus.DONE


def _obtain(request: PlanRequest, cache: PlanCache, rebuild: bool) -> _Outcome:
    from depth_sr_ros.commands.progress_line import ShareLine
    from depth_sr_ros.engines import EngineError, PlanProcess

    try:
        key = request.key()
        if rebuild:
            if not cache.discard(key):
                raise OSError(
                    f"{cache.folder}: expected a folder whose plans can be replaced, found one that cannot be written; "
                    "name another one by `--cache`, or leave out `--rebuild`"
                )
        elif cache.find(key) is not None:
            return _Outcome(request, "found")
        line = ShareLine()
        process = PlanProcess(request, cache, stands_back=False)
        try:
            while not process.wait(_POLL_S):
                state = process.state
                line.show(state.share, state.remaining_seconds, f"{request}: {state.doing}")
        finally:
            process.stop()
            line.close()
    except (EngineError, OSError) as error:
        return _Outcome(request, "failed", str(error))
    return _Outcome(request, "built")


def _artifacts(options: argparse.Namespace) -> list[Artifact]:
    from depth_sr_ros.artifact import SHIPPED, find_artifact, list_artifacts, read_artifact, shipped_scales

    names = list_artifacts() if options.all else options.weights
    if not names:
        if not options.scale and 0 not in shipped_scales(options.model):
            raise ValueError(
                "expected WEIGHTS or --scale, found neither: scale 0 is served by a filter, which needs no plan; for "
                "the papers' networks give their scale, such as --scale 8"
            )
        return [find_artifact(options.model, options.scale)]
    shipped = list_artifacts()
    return [read_artifact(SHIPPED / name if name in shipped else Path(name)) for name in names]


def _grid(artifact: Artifact, size: tuple[int, int]) -> tuple[int, int]:
    from depth_sr_ros.cameras.grids import frame_layout
    from depth_sr_ros.frame_graphs import LIVE

    colour, card = (size[1], size[0]), artifact.card
    if card.form is LIVE:
        height, width = (-(-side // card.size_multiple) * card.size_multiple for side in colour)
        return height, width
    return frame_layout(colour, colour, card.scale, (card.scale,), card.size_multiple).grid


def _runtimes(engine: str) -> list[type[PlannedEngine]]:
    from depth_sr_ros.engines import ENGINE_NAMES
    from depth_sr_ros.engines.plans.planned import PlannedEngine
    from depth_sr_ros.engines.select import load_runtime, planned_runtimes

    if engine not in ENGINE_NAMES:
        raise ValueError(f"--engine: expected one of {ENGINE_NAMES}, found {engine!r}")
    if engine != "auto":
        try:
            runtime = load_runtime(engine)
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        if not issubclass(runtime, PlannedEngine):
            raise ValueError(f"--engine: {engine} has no plans, it compiles when it starts; there is nothing to build")
        return [runtime]
    usable, reasons = planned_runtimes()
    if not usable:
        raise ValueError("no engine that has plans can be used here: " + "; ".join(reasons))
    return usable


def _precisions(runtime: type[PlannedEngine], artifact: Artifact, wanted: str) -> list[Precision]:
    offered = runtime.precisions_of(artifact)
    chosen = {"auto": offered[:1], "all": offered}.get(wanted, [p for p in offered if p == wanted])
    if not chosen:
        advice = "; make an artifact that has it with `depth-sr quantise`" if wanted == "int8" else ""
        raise ValueError(
            f"--precision: {runtime.name} offers auto, all, {', '.join(offered)} for {artifact.card.name} here, found "
            f"{wanted!r}{advice}"
        )
    return list(chosen)


def _table(outcomes: list[_Outcome], cache: PlanCache) -> str:
    rows = [_HEAD, *(_row(outcome, cache) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(outcome: _Outcome, cache: PlanCache) -> tuple[str, ...]:
    request = outcome.request
    weights = request.artifact.card
    height, width = weights.form.image_size(request.grid, weights.scale)
    what = (weights.name, f"{width}x{height}", request.runtime.name, request.precision, outcome.how)
    card = None if outcome.failure else cache.card(request.key())
    if card is None:
        return (*what, "", "", "")
    return (*what, f"{card.build_seconds:.1f}", f"{card.size / 2**20:.1f}", f"{card.error:.1e}")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT of the colour image, such as 640x480, found {text!r}")
    return int(width), int(height)
