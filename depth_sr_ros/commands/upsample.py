"""The command `depth-sr upsample`: files, a folder or a bag, upsampled without ROS."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.command_line import ExitStatus, count, not_negative
from depth_sr_ros.commands.sources import (
    SOURCE_HELP,
    add_camera_options,
    add_depth_options,
    add_stream_options,
    open_source,
    say,
)

if TYPE_CHECKING:
    from depth_sr_ros.cameras.relation import Relation
    from depth_sr_ros.offline.upsampling import Sink, UpsampleCounts
    from depth_sr_ros.recordings.recording import Recording
    from depth_sr_ros.upsampler import Upsampler

SUMMARY = "upsample files, a folder or a bag without ROS"
TAKES_ROS_ARGS = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument(
        "source", type=Path, nargs="?", metavar="SOURCE", help=SOURCE_HELP + "; none for one pair by --rgb and --depth"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder, or a .png where there is a single pair")
    parser.add_argument(
        "--format",
        choices=("png", "mcap", "db3"),
        default="png",
        help="16-bit PNG in millimetres, 0 invalid (default), or a bag with /depth/upsampled and /depth/camera_info",
    )
    parser.add_argument("--picture", type=Path, metavar="FOLDER", help="also draw colour, sensor and upsampled depth")
    add_stream_options(parser)
    add_depth_options(add_camera_options(parser))
    parser.add_argument("--slop-s", type=not_negative, default=0.02, help="largest stamp distance of a pair (0.02)")
    parser.add_argument("--model", help="network (default: that of --weights, else fdkn)")
    parser.add_argument(
        "--scale", type=int, default=0,
        help="colour size / depth size for the papers' networks; 0 (default) serves any ratio, or takes that of "
        "--weights",
    )  # fmt: skip
    parser.add_argument("--weights", type=Path, help="artifact folder, instead of the shipped one")
    engines = "auto (default), tensorrt, torch-cuda, openvino, onnxruntime or torch"
    parser.add_argument("--engine", default="auto", help=engines)
    parser.add_argument("--precision", default="auto", help="auto (default), fp32, bf16, fp16 or int8")
    parser.add_argument("--fill-holes", action="store_true", help="fill holes from their surroundings")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for the engine's own choice")
    parser.add_argument(
        "--repeat", type=count, metavar="N", help="filter an image N times; needs weights of scale 1 (default 1)"
    )
    parser.epilog = (
        "Where --depth is an 8-bit image, it is filtered as such, channel by channel, and 0 is a value. With weights "
        "of scale 1: denoising under another image (--rgb FLASH.png --depth NO_FLASH.png), texture removal (the same "
        "file for both, --repeat 4). With weights of a larger scale: a small single-channel map, as of saliency, is "
        "upsampled under a colour guide."
    )


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Upsamples what the options name; incomplete where a frame failed or none was written."""
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
    recording = open_source(options)
    relation = _relation(recording, options.assume_registered)
    cameras = relation.calibration
    upsampler = _upsampler(options)
    if cameras is not None and cameras.depth is not None:
        upsampler.prepare(cameras.colour.size, cameras.depth.size, cameras)  # what cannot work leaves no output
    line = ProgressLine(recording.depth_count)

    def show(counts: UpsampleCounts) -> None:
        line.update(counts.frames + counts.failed.total(), counts.summary())

    with _Sinks(options, recording.depth_count) as sinks:
        counts = upsample_recording(recording, upsampler, sinks, round(options.slop_s * 1e9), show, cameras)
    line.close()
    if fall := counts.coverage.warning(cameras):
        say(f"warning: {fall}")
    for note in upsampler.notes + upsampler.cautions:
        say(note)
    for cause, reason in sorted(counts.reasons.items()):
        say(f"{counts.failed[cause]} x {cause}: {reason}")
    say(f"{counts.summary()}{f': {options.out}' if counts.frames else ''}")
    return ExitStatus.DONE if counts.frames and not counts.failed else ExitStatus.INCOMPLETE


def _filter_image(options: argparse.Namespace) -> int:
    from depth_sr_ros.commands.progress_line import ProgressLine
    from depth_sr_ros.offline.image_filter import filter_image, read_task
    from depth_sr_ros.recordings.image_files import write_image

    useless = [name for name in ("picture", "reduce") if getattr(options, name) is not None]
    if useless or options.format != "png":
        raise ValueError(f"--{(useless or ['format'])[0]}: does not apply to an 8-bit image; remove it")
    guide, target, rounds = Path(options.rgb), Path(options.depth), options.repeat or 1
    task = read_task(guide, target)
    channels = 1 if task.target.ndim == 2 else task.target.shape[2]
    words = "the image itself" if task.guide is None else guide
    say(f"{target}: an image of {channels} channel(s), not depth; 0 is a value. Guide: {words}")
    upsampler = _upsampler(options)
    line = ProgressLine(rounds * channels)
    result = filter_image(upsampler, task, rounds, lambda done: line.update(done, "channels"))
    line.close()
    path: Path = options.out if options.out.suffix == ".png" else options.out / f"{target.stem}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, result[..., ::-1] if result.ndim == 3 else result)
    say(f"{rounds} round(s) with {upsampler.describe().model}: {path}")
    return ExitStatus.DONE


def _relation(recording: Recording, assume_registered: bool) -> Relation:
    """How depth lies to colour, said in a line. Raises RecordingError where that is not known."""
    from depth_sr_ros.cameras.relation import relate
    from depth_sr_ros.recordings.recording import RecordingError

    relation = relate(recording.evidence(), assume_registered)
    if relation.kind == "unknown":
        raise RecordingError(f"{recording.name}: {relation.reason} (--assume-registered)")
    say(f"{recording.name}: {relation.reason}")
    return relation


def _upsampler(options: argparse.Namespace) -> Upsampler:
    from depth_sr_ros.artifact import read_card
    from depth_sr_ros.upsampler import DEFAULT_MODEL, Upsampler

    upsampler = Upsampler(
        options.model or (read_card(options.weights).model if options.weights else DEFAULT_MODEL),
        options.scale,
        weights=options.weights,
        engine=options.engine,
        precision=options.precision,
        threads=options.threads,
        fill_holes=options.fill_holes,
        depth_min=options.depth_min,
        depth_max=options.depth_max,
        assume_registered=options.assume_registered,
    )
    say(upsampler.describe().reason)
    return upsampler


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
