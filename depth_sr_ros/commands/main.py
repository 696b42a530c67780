"""The `depth-sr` command. Each subcommand is a file beside this one, and imports what it needs only when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from depth_sr_ros.command_line import ExitStatus, exit_status
from depth_sr_ros.commands import bench, cameras, compile, doctor, import_weights, node, quantise, replay, upsample

COMMANDS: dict[str, ModuleType] = {
    "node": node,
    "replay": replay,
    "upsample": upsample,
    "cameras": cameras,
    "compile": compile,
    "doctor": doctor,
    "bench": bench,
    "quantise": quantise,
    "import-weights": import_weights,
}
"""Subcommands by name. Each has SUMMARY, TAKES_ROS_ARGS, `add_options(parser)`, `run(options, ros_args) -> status`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status, see `depth_sr_ros.command_line.ExitStatus`.

    Args:
        arguments: without the program's name; None takes those of this process. What follows `--ros-args` goes to ROS.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    split = given.index("--ros-args") if "--ros-args" in given else len(given)
    options = _parser().parse_args(given[:split], argparse.Namespace(given=given))
    command = COMMANDS[options.name]
    if given[split:] and not command.TAKES_ROS_ARGS:
        print(f"depth-sr {options.name}: --ros-args is not supported here", file=sys.stderr)
        return ExitStatus.UNUSABLE
    return exit_status(lambda: command.run(options, given[split:]), f"depth-sr {options.name}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depth-sr", description="Guided depth super-resolution: colour and coarse depth in, dense depth out."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")
    for name, command in COMMANDS.items():
        summary: str = command.SUMMARY
        command.add_options(commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + "."))
    return parser


if __name__ == "__main__":
    sys.exit(main())
