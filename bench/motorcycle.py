"""The demo's scene as the papers' networks take it: registered depth, reduced to an eighth of the colour's size."""

from __future__ import annotations

from pathlib import Path

from demo.panning import PanningCamera
from demo.scene import load_scene
from demo.show import RATE_HZ
from depth_sr_ros.recordings.recording import Recording
from depth_sr_ros.recordings.reduced import ReducedRecording

SCALE = 8


def registered_motorcycle(cache: Path) -> Recording:
    """640x480 colour and 80x60 depth, ten frames a second.

    Args:
        cache: where the scene is kept.

    Raises:
        DemoError: the scene cannot be had.
    """
    return ReducedRecording(PanningCamera(load_scene(cache), RATE_HZ), SCALE)
