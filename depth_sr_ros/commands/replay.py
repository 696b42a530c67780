"""The command `depth-sr replay`: publishes a recording onto the node's topics."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_sr_ros.command_line import ExitStatus, not_negative, positive
from depth_sr_ros.commands.sources import SOURCE_HELP, add_camera_options, add_stream_options, open_source, say

SUMMARY = "publish a recording onto the node's topics"
TAKES_ROS_ARGS = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("source", type=Path, metavar="SOURCE", help=SOURCE_HELP)
    add_stream_options(parser)
    add_camera_options(parser)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=positive, default=1.0, help="times the recorded speed (default 1)")
    pace.add_argument("--rate-hz", type=positive, help="depth frames a second, instead of the recorded rate")
    parser.add_argument("--loop", action="store_true", help="loop until interrupted")
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
    parser.add_argument("--wait-s", type=not_negative, default=3.0, help="wait this long for subscribers (default 3)")
    parser.add_argument("--seconds", type=positive, help="stop after this time")
    parser.epilog = (
        "How the depth camera of the recording stands is handed to the nodes that subscribe to its depth, as their "
        "parameter depth_to_colour. Namespace and remappings: depth-sr replay SOURCE --ros-args -r __ns:=/front"
    )


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Replays what the options name; incomplete where nothing was published or an image failed."""
    from depth_sr_ros.ros.dds_profile import use_profile

    use_profile()
    recording = open_source(options)
    from depth_sr_ros.ros.replay import ReplayOptions, replay

    speed = options.rate_hz / recording.rate_hz if options.rate_hz else options.speed
    settings = ReplayOptions(
        speed, options.loop, options.stamps, options.reliability, wait_s=options.wait_s, seconds=options.seconds
    )
    counts = replay(recording, settings, say, ros_args)
    say(f"replayed {counts.summary()}")
    return ExitStatus.DONE if counts.published["depth"] and not counts.failed else ExitStatus.INCOMPLETE
