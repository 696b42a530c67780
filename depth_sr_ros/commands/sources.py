"""Options that name a recording, and what they open; for the commands that read one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from depth_sr_ros.command_line import four_numbers

if TYPE_CHECKING:
    from depth_sr_ros.recordings.recording import Recording

SOURCE_HELP = (
    "a bag (folder, .mcap, .db3) or a folder with rgb/*.png|jpg, depth/*.png (16 bit, millimetres) and camera.json "
    "(width, height, fx, fy, cx, cy and optionally rate_hz)"
)
"""What SOURCE may be."""


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """Declares where a recording keeps what; `open_source` reads it."""
    group = parser.add_argument_group("topics and files, if they are not found automatically")
    group.add_argument("--rgb", help="colour topic, sub-folder or file")
    group.add_argument("--depth", help="topic, sub-folder or file of the depth registered to colour")
    group.add_argument("--rgb-info", help="camera_info topic of the colour image")
    group.add_argument("--depth-info", help="camera_info topic of the depth image")
    group.add_argument("--intrinsics", type=four_numbers, metavar='"FX FY CX CY"', help="of the colour image, pixels")
    group.add_argument("--reduce", type=int, metavar="N", help="make dense depth N times coarser first")


def open_source(options: argparse.Namespace) -> Recording:
    """The recording that the options name, its notes said. Raises RecordingError where there is none."""
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
        say(note)
    return recording


def say(text: str) -> None:
    """Tells the user something beside the command's output."""
    print(text, file=sys.stderr, flush=True)
