"""The command `depth-sr quantise`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from depth_sr_ros.command_line import ExitStatus
from depth_sr_ros.commands.sources import say

SUMMARY = "make an artifact that also runs in 8-bit integers"
TAKES_ROS_ARGS = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    parser.add_argument(
        "artifact", type=Path, metavar="ARTIFACT", help="folder of an artifact, or the name of a shipped one"
    )
    parser.add_argument(
        "--frames",
        type=Path,
        nargs="+",
        required=True,
        metavar="SOURCE",
        help="recordings of the cameras it will serve, as for `upsample`, with depth as large as the colour image",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the new artifact, for `weights`")
    parser.add_argument("--count", type=int, default=32, help="frames to calibrate with (default 32)")
    parser.add_argument("--rgb", help="colour topic or sub-folder, if it is not found automatically")
    parser.add_argument("--depth", help="topic or sub-folder of the depth registered to colour")
    parser.add_argument("--slop-s", type=float, default=0.02, help="largest stamp distance of a pair (0.02)")
    parser.epilog = "Run it by --weights OUT --precision int8, or by the node's parameters of the same names."


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Runs the command; returns its exit status."""
    from depth_sr_ros.artifact import SHIPPED, list_artifacts, read_artifact
    from depth_sr_ros.offline.quantisation import QuantisationError, quantise_artifact
    from depth_sr_ros.recordings.opening import open_recording
    from depth_sr_ros.recordings.recording import Streams

    if options.count < 1:
        raise QuantisationError(f"--count: expected a whole number of 1 or more, found {options.count}")
    shipped = str(options.artifact) in list_artifacts()
    artifact = read_artifact(SHIPPED / options.artifact if shipped else options.artifact)
    streams = Streams(options.rgb, options.depth)
    accuracy = quantise_artifact(
        artifact,
        [open_recording(source, streams) for source in options.frames],
        options.out,
        frames=options.count,
        slop_ns=round(options.slop_s * 1e9),
        command=_command(options),
        say=say,
    )
    say(
        f"{artifact.card.name}: error {1e3 * accuracy.rmse_int8:.2f} mm in int8, {1e3 * accuracy.rmse_fp32:.2f} mm in "
        f"float32 ({accuracy.cost:+.2%}) on {accuracy.frames} frames: {options.out}"
    )
    return ExitStatus.DONE


def _command(options: argparse.Namespace) -> str:
    """The command for the card, which travels: recordings by name, and no folder of this machine."""
    names = {str(path): Path(path).name for path in (options.artifact, *options.frames)} | {str(options.out): "OUT"}
    return shlex.join(["depth-sr", *(names.get(word, word) for word in options.given)])
