"""The command `depth-sr import-weights`: makes an artifact of weights that a paper's authors released."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from depth_sr_ros.command_line import ExitStatus, positive
from depth_sr_ros.commands.sources import say

SUMMARY = "make an artifact from the weights of a paper's authors"
TAKES_ROS_ARGS = False


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("model", metavar="MODEL", help="fdkn, dkn, jiif, dagf or dada")
    parser.add_argument(
        "checkpoint", type=Path, metavar="CHECKPOINT", help="the authors' file; it is read as data only"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the artifact, for `weights`")
    parser.add_argument("--scale", type=int, required=True, help="scale of the weights; the file does not contain it")
    parser.add_argument(
        "--channel-order",
        choices=("rgb", "bgr"),
        help="channel order that the network was trained with; default: that of the authors' project",
    )
    parser.add_argument(
        "--depth-gain",
        type=positive,
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


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Imports a checkpoint and says what became of it."""
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
        say(line)
    say(f"{options.model}_x{options.scale}: {options.out}")
    return ExitStatus.DONE


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, found {text!r}")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word
