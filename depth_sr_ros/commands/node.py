"""The command `depth-sr node`: starts the ROS 2 node."""

from __future__ import annotations

import argparse

SUMMARY = "start the ROS 2 node"
TAKES_ROS_ARGS = True


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options: those of ROS alone."""
    parser.epilog = (
        "Parameters and remappings: depth-sr node --ros-args -p scale:=4 -r rgb/image:=/camera/color/image_raw"
    )


def run(options: argparse.Namespace, ros_args: list[str]) -> int:
    """Runs the node until it ends; returns its exit status."""
    from depth_sr_ros.ros.dds_profile import use_profile

    use_profile()
    from depth_sr_ros.ros.node import main as node_main

    return node_main(ros_args) or 0
