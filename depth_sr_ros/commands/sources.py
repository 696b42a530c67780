"""Options that name a recording, and what they open; for the commands that read one."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.command_line import four_numbers, not_negative, positive, seven_numbers

if TYPE_CHECKING:
    from depth_sr_ros.recordings.recording import Recording

SOURCE_HELP = (
    "a bag (folder, .mcap, .db3) or a folder with rgb/*.png|jpg, depth/*.png (16 bit, millimetres) and camera.json "
    "(width, height, fx, fy, cx, cy and optionally rate_hz); a depth camera's own images need calibration.json instead"
)
"""What SOURCE may be."""


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """Declares where a recording keeps what; `open_source` reads it."""
    group = parser.add_argument_group("topics and files, if they are not found automatically")
    group.add_argument("--rgb", help="colour topic, sub-folder or file")
    group.add_argument("--depth", help="depth topic, sub-folder or file")
    group.add_argument("--rgb-info", help="camera_info topic of the colour image")
    group.add_argument("--depth-info", help="camera_info topic of the depth image")
    group.add_argument("--intrinsics", type=four_numbers, metavar='"FX FY CX CY"', help="of the colour image, pixels")
    group.add_argument("--reduce", type=int, metavar="N", help="make dense depth N times coarser first")


def add_camera_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Declares how depth lies to colour, for `open_source` to read; the group may take more."""
    group = parser.add_argument_group("cameras")
    group.add_argument(
        "--calibration", type=Path, metavar="FILE",
        help="calibration.json with both cameras (default: the source's own)",
    )  # fmt: skip
    group.add_argument(
        "--depth-to-colour", type=seven_numbers, metavar='"X Y Z QX QY QZ QW"',
        help="takes points, in metres, from the depth camera's optical frame to the colour camera's (default: from "
        "/tf_static or calibration.json)",
    )  # fmt: skip
    group.add_argument(
        "--depth-unit", type=positive, metavar="METRES", help="per raw depth unit (default: from the source)"
    )
    return group


def add_depth_options(group: argparse._ArgumentGroup) -> None:
    """Declares what counts of the depth that a command serves itself."""
    group.add_argument("--assume-registered", action="store_true", help="take depth as registered, whatever is found")
    group.add_argument(
        "--depth-min", type=not_negative, default=0.0, metavar="METRES", help="nearest depth that counts (0)"
    )
    group.add_argument(
        "--depth-max", type=not_negative, default=0.0, metavar="METRES",
        help="farthest depth that counts (0: no limit)",
    )  # fmt: skip


def open_source(options: argparse.Namespace) -> Recording:
    """The recording that the options name, its notes said. Raises RecordingError where there is none."""
    from depth_sr_ros.recordings.opening import open_recording
    from depth_sr_ros.recordings.recording import RecordingError, Streams
    from depth_sr_ros.recordings.reduced import ReducedRecording

    streams = Streams(options.rgb, options.depth, options.rgb_info, options.depth_info, options.intrinsics)
    if hasattr(options, "calibration"):
        streams = replace(
            streams, calibration=options.calibration, depth_to_colour=options.depth_to_colour,
            depth_unit=options.depth_unit,
        )  # fmt: skip
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
        say(note)
    return recording


def say(text: str) -> None:
    """Tells the user something beside the command's output."""
    print(text, file=sys.stderr, flush=True)
