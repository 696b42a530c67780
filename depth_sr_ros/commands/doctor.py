"""The command `depth-sr doctor`: what is installed, which engine would run, and what to fix."""

from __future__ import annotations

import argparse

from depth_sr_ros.command_line import ExitStatus

SUMMARY = "say what is installed, which engine would run, and what to fix"
TAKES_ROS_ARGS = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Prints what was found; incomplete where the node could not run."""
    from depth_sr_ros.commands.findings import can_run, examine, report_json, report_text

    findings = examine()
    print(report_json(findings) if options.json else report_text(findings))
    return ExitStatus.DONE if can_run(findings) else ExitStatus.INCOMPLETE
