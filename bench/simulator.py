"""Training crops of simulated cameras beside one joint bilateral filter of OpenCV (d = 9), in turn in one process.

    python -m bench.simulator [--data DATA]

Prints medians of the clock and of processor time per crop of 224x224, and the ratio to the filter of such a crop.
Without data the scenes are procedural ones alone.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from itertools import count
from pathlib import Path

import cv2
import numpy as np

from bench.limits import machine
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions, warm_up
from depth_sr_ros.commands.timing import Case, time_in_turn
from training.datasets.live.crops import LiveCropsByNumber, LiveOptions, register
from training.datasets.live.opening import open_scenes
from training.datasets.live.scenes import ProceduralPieces, SceneSource
from training.datasets.procedural import ProceduralScenes
from training.degradation.two_cameras.camera_draw import deliver, draw_camera, look

_BILATERAL = (9, 20.0, 5.0)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulator", description=__doc__)
    parser.add_argument("--data", type=Path, help="data folder with a manifest.csv")
    parser.add_argument("--rounds", type=int, default=100, help="crops, each another one")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    warm_up()
    times = time_in_turn(_cases(options.data), options.rounds)
    peer = times["joint bilateral filter"].processor
    print(f"Machine: {machine()}, one thread. Milliseconds, median of {options.rounds} crops.\n")
    print("| part | clock | processor | ratio to the filter |\n|---|---|---|---|")
    for name, own in times.items():
        print(f"| {name} | {own.median:.1f} | {own.processor:.1f} | {own.processor / peer:.2f} |")
    return 0


def _cases(data: Path | None) -> dict[str, Case]:
    """A whole crop, and its parts with other cameras and scenes each time."""
    options = LiveOptions()
    source: SceneSource = ProceduralPieces(ProceduralScenes(options.side, options.side, 0, "depth"))
    if data is not None:
        source = open_scenes(data, options.side)
    crops, numbers = LiveCropsByNumber(source, options), count()
    rng = np.random.default_rng(1)
    piece = source.piece(options.side, rng)
    grey = np.full((options.side, options.side), 0.5, np.float32)

    def camera_alone(register_too: bool) -> None:
        camera = draw_camera(piece.camera, piece.depths, options.ranges, rng)
        raw = deliver(look(piece.layers, piece.camera, grey, camera, piece.whole), camera, rng)
        if register_too:
            register(raw, piece, camera)

    def set_up() -> None:
        geometry = draw_camera(piece.camera, piece.depths, options.ranges, rng).geometry
        Registration(Camera(geometry.camera), Camera(piece.camera), geometry.told, RegistrationOptions(threads=1))

    guide = cv2.GaussianBlur(rng.uniform(0, 255, (options.size, options.size, 3)).astype(np.float32), (0, 0), 2)
    depth = np.ones((options.size, options.size), np.float32)
    return {
        "joint bilateral filter": partial(cv2.ximgproc.jointBilateralFilter, guide, depth, *_BILATERAL),
        "whole crop": lambda: crops[next(numbers)],
        "scene": lambda: source.piece(options.side, rng),
        "camera": lambda: camera_alone(False),
        "camera and registration": lambda: camera_alone(True),
        "registration's tables": set_up,
    }


if __name__ == "__main__":
    sys.exit(main())
