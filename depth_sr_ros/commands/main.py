"""The `depth-sr` command. Each subcommand imports what it needs only when it runs."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_sr_ros.command_line import four_numbers
from depth_sr_ros.commands import bench as bench_command
from depth_sr_ros.commands import compile as compile_command
from depth_sr_ros.commands import quantise as quantise_command

if TYPE_CHECKING:
    from depth_sr_ros.offline.upsampling import Sink, UpsampleCounts
    from depth_sr_ros.recordings.recording import Recording
    from depth_sr_ros.upsampler import Upsampler

Command = Callable[[argparse.Namespace, list[str]], int]

_SOURCE_HELP = (
    "a bag (folder, .mcap, .db3) or a folder with rgb/*.png|jpg, depth/*.png (16 bit, millimetres) and camera.json "
    "(width, height, fx, fy, cx, cy and, if wanted, rate_hz)"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status: 0 done, 1 failed or incomplete, 2 wrong usage.

    Args:
        arguments: without the program's name; None takes those of this process. What follows `--ros-args` goes to ROS.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--ros-args") if "--ros-args" in given else len(given)
    options = _parser().parse_args(given[:split], argparse.Namespace(given=given))
    command: Command = options.command
    if given[split:] and not options.takes_ros_args:
        print(f"depth-sr {options.name}: --ros-args has no meaning here", file=sys.stderr)
        return 2
    try:
        return command(options, given[split:])
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError) as error:  # settings, recordings, files: each says what to change
        print(f"depth-sr {options.name}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depth-sr", description="Guided depth super-resolution: colour and coarse depth in, dense depth out."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    node = _add(commands, "node", _node, "start the ROS 2 node", takes_ros_args=True)
    node.epilog = (
        "Parameters and remappings: depth-sr node --ros-args -p scale:=4 -r rgb/image:=/camera/color/image_raw"
    )
    _add_replay(_add(commands, "replay", _replay, "publish a recording onto the node's topics", takes_ros_args=True))
    _add_upsample(_add(commands, "upsample", _upsample, "upsample files, a folder or a bag without ROS"))
    compile_command.add_options(
        _add(commands, "compile", compile_command.run, "build engines before they are needed, and keep them")
    )
    doctor = _add(commands, "doctor", _doctor, "say what is installed, which engine would run, and what to fix")
    doctor.add_argument("--json", action="store_true", help="for programs")
    bench_command.add_arguments(_add(commands, "bench", bench_command.run, "time a frame, engine by engine"))
    quantise_command.add_arguments(
        _add(commands, "quantise", quantise_command.run, "make an artifact that also runs in 8-bit integers")
    )
    _add_import_weights(
        _add(commands, "import-weights", _import_weights, "make an artifact of weights that a paper's authors released")
    )
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    command: Command,
    summary: str,
    takes_ros_args: bool = False,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + "."
    )
    parser.set_defaults(command=command, name=name, takes_ros_args=takes_ros_args)
    return parser


def _add_replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help=_SOURCE_HELP)
    _add_streams(parser)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=_positive, default=1.0, help="times the recorded speed (default 1)")
    pace.add_argument("--rate-hz", type=_positive, help="depth frames a second, instead of the recorded rate")
    parser.add_argument("--loop", action="store_true", help="start again at the end, until interrupted")
    parser.add_argument(
        "--stamps",
        choices=("recorded", "now"),
        help="`recorded` keeps the recording's stamps, `now` moves them to the present at the replay's speed. "
        "Default: recorded; with --loop now, because recorded stamps would jump back at every round",
    )
    parser.add_argument(
        "--reliability",
        choices=("reliable", "best_effort"),
        default="reliable",
        help="of the publishers; reliable (default) serves every subscriber, best_effort is what most cameras do",
    )
    parser.add_argument("--wait-s", type=_not_negative, default=3.0, help="wait this long for subscribers (default 3)")
    parser.add_argument("--seconds", type=_positive, help="stop after this time")
    parser.epilog = "Namespace and remappings: depth-sr replay SOURCE --ros-args -r __ns:=/front"


def _add_upsample(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, nargs="?", metavar="SOURCE", help=_SOURCE_HELP + "; none for one pair by --rgb and --depth"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder, or a .png where there is a single pair")
    parser.add_argument(
        "--format",
        choices=("png", "mcap", "db3"),
        default="png",
        help="16-bit PNG in millimetres, 0 invalid (default), or a bag with /depth/upsampled and /depth/camera_info",
    )
    parser.add_argument("--picture", type=Path, metavar="FOLDER", help="also draw colour, sensor and upsampled depth")
    _add_streams(parser)
    parser.add_argument("--slop-s", type=_not_negative, default=0.02, help="largest stamp distance of a pair (0.02)")
    parser.add_argument("--model", help="network (default: that of --weights, else fdkn)")
    parser.add_argument("--scale", type=int, help="colour size / depth size (default: that of --weights, else 8)")
    parser.add_argument("--weights", type=Path, help="artifact folder, instead of the shipped one")
    engines = "auto (default), tensorrt, torch-cuda, openvino, onnxruntime or torch"
    parser.add_argument("--engine", default="auto", help=engines)
    parser.add_argument("--precision", default="auto", help="auto (default), fp32, bf16, fp16 or int8")
    parser.add_argument("--fill-holes", action="store_true", help="give a distance in holes too")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for the engine's own choice")
    parser.add_argument(
        "--repeat", type=_count, metavar="N", help="filter an image N times; needs weights of scale 1 (default 1)"
    )
    parser.epilog = (
        "Where --depth is an 8-bit image, it is filtered as such, channel by channel, and 0 is a value. With weights "
        "of scale 1: denoising under another image (--rgb FLASH.png --depth NO_FLASH.png), texture removal (the same "
        "file for both, --repeat 4). With weights of a larger scale: a small single-channel map, as of saliency, is "
        "upsampled under a colour guide."
    )


def _add_streams(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where to find what, if it is not found by itself")
    group.add_argument("--rgb", help="colour topic, sub-folder or file")
    group.add_argument("--depth", help="topic, sub-folder or file of the depth registered to colour")
    group.add_argument("--rgb-info", help="camera_info topic of the colour image")
    group.add_argument("--depth-info", help="camera_info topic of the depth image")
    group.add_argument("--intrinsics", type=four_numbers, metavar='"FX FY CX CY"', help="of the colour image, pixels")
    group.add_argument("--reduce", type=int, metavar="N", help="make dense depth N times coarser first")


def _add_import_weights(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="fdkn, dkn, jiif, dagf or dada")
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="the authors' file; it is read as data only"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the artifact, for `weights`")
    parser.add_argument("--scale", type=int, required=True, help="what the weights were trained for; no file says it")
    parser.add_argument(
        "--channel-order",
        choices=("rgb", "bgr"),
        help="how the network was fed colour; default: as the authors' project does",
    )
    parser.add_argument(
        "--depth-gain",
        type=_positive,
        help="dada: span of depth in your frames over the deviation of depth in its training data "
        "(1.38605 m for NYU v2, 1.1227 m for Middlebury, 1.15429 m for DIML)",
    )
    parser.add_argument(
        "--option",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the network that the weights need, such as residual=false; repeatable",
    )


def _node(options: argparse.Namespace, ros_args: list[str]) -> int:
    from depth_sr_ros.ros.dds_profile import use_profile

    use_profile()
    from depth_sr_ros.ros.node import main as node_main

    return node_main(ros_args) or 0


def _replay(options: argparse.Namespace, ros_args: list[str]) -> int:
    from depth_sr_ros.ros.dds_profile import use_profile

    use_profile()
    recording = _open(options)
    from depth_sr_ros.ros.replay import ReplayOptions, replay

    speed = options.rate_hz / recording.rate_hz if options.rate_hz else options.speed
    settings = ReplayOptions(
        speed, options.loop, options.stamps, options.reliability, wait_s=options.wait_s, seconds=options.seconds
    )
    counts = replay(recording, settings, _say, ros_args)
    _say(f"replayed {counts.summary()}")
    return 0 if counts.published["depth"] and not counts.failed else 1


def _upsample(options: argparse.Namespace, ros_args: list[str]) -> int:
    from depth_sr_ros.commands.progress_line import ProgressLine
    from depth_sr_ros.offline.image_filter import is_image
    from depth_sr_ros.offline.upsampling import upsample_recording

    if options.source is None and options.rgb and options.depth and is_image(Path(options.depth)):
        return _filter_image(options)
    if options.repeat is not None:
        raise ValueError(
            "--repeat: expected one 8-bit image to filter, given by --rgb GUIDE and --depth IMAGE; leave it out for "
            "depth and recordings"
        )
    recording = _open(options)
    upsampler = _upsampler(options)
    line = ProgressLine(recording.depth_count)

    def show(counts: UpsampleCounts) -> None:
        line.update(counts.frames + counts.failed.total(), counts.summary())

    with _Sinks(options, recording.depth_count) as sinks:
        counts = upsample_recording(recording, upsampler, sinks, round(options.slop_s * 1e9), show)
    line.close()
    for note in upsampler.notes + upsampler.cautions:
        _say(note)
    for cause, reason in sorted(counts.reasons.items()):
        _say(f"{counts.failed[cause]} x {cause}: {reason}")
    _say(f"{counts.summary()}{f': {options.out}' if counts.frames else ''}")
    return 0 if counts.frames and not counts.failed else 1


def _filter_image(options: argparse.Namespace) -> int:
    from depth_sr_ros.commands.progress_line import ProgressLine
    from depth_sr_ros.offline.image_filter import filter_image, read_task
    from depth_sr_ros.recordings.image_files import write_image

    useless = [name for name in ("picture", "reduce") if getattr(options, name) is not None]
    if useless or options.format != "png":
        raise ValueError(f"--{(useless or ['format'])[0]}: has no meaning for an 8-bit image; leave it out")
    guide, target, rounds = Path(options.rgb), Path(options.depth), options.repeat or 1
    task = read_task(guide, target)
    channels = 1 if task.target.ndim == 2 else task.target.shape[2]
    words = "the image itself" if task.guide is None else guide
    _say(f"{target}: an image of {channels} channel(s), not depth; 0 is a value. Guide: {words}")
    upsampler = _upsampler(options)
    line = ProgressLine(rounds * channels)
    result = filter_image(upsampler, task, rounds, lambda done: line.update(done, "channels"))
    line.close()
    path: Path = options.out if options.out.suffix == ".png" else options.out / f"{target.stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, result[..., ::-1] if result.ndim == 3 else result)
    _say(f"{rounds} round(s) with {upsampler.describe().model}: {path}")
    return 0


def _upsampler(options: argparse.Namespace) -> Upsampler:
    from depth_sr_ros.artifact import read_artifact
    from depth_sr_ros.upsampler import Upsampler

    card = read_artifact(options.weights).card if options.weights else None
    upsampler = Upsampler(
        options.model or (card.model if card else "fdkn"),
        (card.scale if card else 8) if options.scale is None else options.scale,
        weights=options.weights,
        engine=options.engine,
        precision=options.precision,
        threads=options.threads,
        fill_holes=options.fill_holes,
    )
    _say(upsampler.describe().reason)
    return upsampler


def _doctor(options: argparse.Namespace, ros_args: list[str]) -> int:
    from depth_sr_ros.commands.doctor import can_run, examine, report_json, report_text

    findings = examine()
    print(report_json(findings) if options.json else report_text(findings))
    return 0 if can_run(findings) else 1


def _import_weights(options: argparse.Namespace, ros_args: list[str]) -> int:
    try:
        from depth_sr_ros.models.released import ImportSettings, import_released
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{error}; importing weights needs torch, onnx and safetensors: pip install 'depth_sr_ros[training]'"
        ) from error
    settings = ImportSettings(options.channel_order, options.depth_gain, dict(options.option))
    command = shlex.join(["depth-sr", *options.given])
    report = import_released(options.model, options.checkpoint, options.out, options.scale, settings, command)
    for line in report.lines():
        _say(line)
    _say(f"{options.model}_x{options.scale}: {options.out}")
    return 0


class _Sinks:
    """The sinks that the options ask for; a bag is completed or removed at the end."""

    def __init__(self, options: argparse.Namespace, frames: int) -> None:
        from depth_sr_ros.offline.upsampling import BagSink, PictureSink, PngSink

        self._bag = BagSink(options.out, options.format) if options.format != "png" else None
        self._sinks: list[Sink] = [self._bag or PngSink(options.out, frames)]
        if options.picture:
            self._sinks.append(PictureSink(options.picture))

    def __enter__(self) -> list[Sink]:
        return self._sinks

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._bag is not None:
            self._bag.close(complete=kind is None)


def _open(options: argparse.Namespace) -> Recording:
    from depth_sr_ros.recordings.opening import open_recording
    from depth_sr_ros.recordings.recording import RecordingError, Streams
    from depth_sr_ros.recordings.reduced import ReducedRecording

    streams = Streams(options.rgb, options.depth, options.rgb_info, options.depth_info, options.intrinsics)
    if options.source is not None:
        recording = open_recording(options.source, streams)
    elif options.rgb and options.depth:
        from depth_sr_ros.recordings.image_files import single_pair

        recording = single_pair(Path(options.rgb), Path(options.depth), streams)
    else:
        raise RecordingError("expected a SOURCE, or one pair of files by --rgb and --depth")
    if options.reduce is not None:
        recording = ReducedRecording(recording, options.reduce)
    for note in recording.notes:
        _say(note)
    return recording


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _positive(text: str) -> float:
    value = _number(text)
    if value is None or not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a positive number, found {text}")
    return value


def _not_negative(text: str) -> float:
    value = _number(text)
    if value is None or not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, found {text}")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, found {text}")
    return int(text)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


if __name__ == "__main__":
    sys.exit(main())
