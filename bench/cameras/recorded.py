"""Methods on frames of a real recording, judged by what its other frames say.

Truth is `training.fusion` of some twenty neighbours, the frame itself left out, in the colour camera's view. It was
brought there by the same calibration as the frame, so an error of the calibration does not count, except where a
method follows colour edges that lie beside those of the depth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.cameras.methods import METHODS, Frame, Method
from depth_sr_ros.recordings.image_files import read_colour
from training.evaluation.camera_scores import scores
from training.fusion.recording import PosedRecording

FRAMES = 5
"""Frames that are looked at, evenly spread."""

_DEPTH_FOLDERS = ("depth_raw_depthcam", "depth")
_COLOUR_SUFFIXES = (".png", ".jpg", ".jpeg")


def measure_recording(
    folder: Path, methods: Mapping[str, tuple[str, Method]] = METHODS, frames: int = FRAMES
) -> dict[str, dict[str, Any]]:
    """Scores by frame and method.

    Args:
        folder: holds calibration.json, `pose`, `rgb` and raw depth in `depth_raw_depthcam` or `depth`.
        methods: titles and methods by name.
        frames: how many are looked at.

    Raises:
        FileNotFoundError: something is missing in it.
        ValueError: it cannot be understood, or has no depth camera of its own.
    """
    depth = next((name for name in _DEPTH_FOLDERS if (folder / name).is_dir()), _DEPTH_FOLDERS[-1])
    recording = PosedRecording.open(folder, folder / "pose", depth)
    if recording.calibration.depth is None:
        raise ValueError(f"{folder}: expected a depth_camera in calibration.json, found depth registered already")
    step = max(1, len(recording.stems) // frames)
    return {
        stem: _measure_frame(recording, folder, stem, methods) for stem in recording.stems[step // 2 :: step][:frames]
    }


def _measure_frame(
    recording: PosedRecording, folder: Path, stem: str, methods: Mapping[str, tuple[str, Method]]
) -> dict[str, Any]:
    truth = recording.fused(stem, "colour").depth
    frame = Frame(read_colour(_colour_file(folder, stem)), recording.read(stem), recording.calibration)
    return {
        name: {key: round(value, 5) for key, value in asdict(scores(method(frame), truth)).items()}
        for name, (_, method) in methods.items()
    }


def _colour_file(folder: Path, stem: str) -> Path:
    found = [path for suffix in _COLOUR_SUFFIXES if (path := folder / "rgb" / f"{stem}{suffix}").is_file()]
    if not found:
        raise FileNotFoundError(f"{folder / 'rgb'}: expected {stem}.png or .jpg, found none")
    return found[0]
