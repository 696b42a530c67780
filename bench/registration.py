"""Registration beside one joint bilateral filter of OpenCV (d = 9) at the size of the result, in turn in one process.

    python -m bench.registration

Prints medians of the clock and of processor time, and the ratio to the filter's.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.limits import machine
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions, warm_up
from depth_sr_ros.commands.timing import Case, Timing, time_in_turn

_RATIONAL = Lens("rational_polynomial", (0.54, -2.7, 0.0005, -0.0003, 1.6, 0.42, -2.5, 1.5))
_PLUMB_BOB = Lens("plumb_bob", (0.08, -0.1, 0.0005, -0.0003, 0.04))
_BILATERAL = (9, 20.0, 5.0)


@dataclass(frozen=True)
class _Pair:
    """A depth camera beside a colour camera.

    Attributes:
        depth: the depth camera.
        colour: the colour camera.
        baseline_m: how far the depth camera is to the right.
        limit: largest ratio to the filter's time that is accepted; None asks for nothing.
    """

    depth: Camera
    colour: Camera
    baseline_m: float
    limit: float | None


def _camera(width: int, height: int, focal: float, lens: Lens | None = None) -> Camera:
    return Camera(Intrinsics(width, height, focal, focal, width / 2 - 1.7, height / 2 + 1.2), lens or Lens())


PAIRS = {
    "640x576 -> 1280x720": _Pair(_camera(640, 576, 504, _RATIONAL), _camera(1280, 720, 610, _PLUMB_BOB), 0.032, 1.0),
    "224x171 -> 1280x720": _Pair(_camera(224, 171, 210), _camera(1280, 720, 1000, _PLUMB_BOB), 0.05, 1 / 3),
    "640x480 -> 640x480": _Pair(_camera(640, 480, 585), _camera(640, 480, 525), 0.025, None),
}
"""What is timed: Azure Kinect and Kinect v1 by their typical calibrations, and a pico flexx beside a colour camera."""


def made_up_depth(camera: Camera, seed: int = 0) -> NDArray[np.float32]:
    """A slanted wall with discs in front of it, noise and drop-outs, (h, w) metres."""
    rng = np.random.default_rng(seed)
    height, width = camera.size
    y, x = np.mgrid[:height, :width] / height
    depth = 2.5 + 0.6 * x - 0.3 * y
    for _ in range(12):
        centre, radius = rng.uniform(0, (width / height, 1)), rng.uniform(0.05, 0.2)
        depth[np.hypot(x - centre[0], y - centre[1]) < radius] = rng.uniform(0.8, 2)
    depth += rng.normal(0, 0.003, depth.shape) * depth
    depth[rng.random(depth.shape) < 0.02] = np.nan
    return depth.astype(np.float32)


def measure(pair: _Pair, rounds: int) -> tuple[dict[str, Timing], float]:
    """Times of both, in turn, and the share of the result that is measured."""
    options = RegistrationOptions(assign_mixed=True)  # as frames are served
    registration = Registration(pair.depth, pair.colour, _beside(pair.baseline_m), options)
    depth = made_up_depth(pair.depth)
    registered = registration(depth)
    guide = np.random.default_rng(1).uniform(0, 255, (*pair.colour.size, 3)).astype(np.float32)
    guide = np.asarray(cv2.GaussianBlur(guide, (0, 0), 2), np.float32)  # noise alone would make it slower
    cases: dict[str, Case] = {
        "registration": partial(registration, depth),
        "bilateral": partial(cv2.ximgproc.jointBilateralFilter, guide, registered.start, *_BILATERAL),
    }
    return time_in_turn(cases, rounds), registered.coverage


def main() -> int:
    """Measures and prints; returns 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.registration", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    warm_up()
    print(f"Machine: {machine()}. Milliseconds, median of {options.rounds} rounds.\n")
    print("| depth -> colour | measured | registration | processor | joint bilateral | processor | ratio | limit |")
    print("|" + "---|" * 8)
    kept = True
    for name, pair in PAIRS.items():
        times, coverage = measure(pair, options.rounds)
        own, other = times["registration"], times["bilateral"]
        ratio = own.processor / other.processor
        kept = kept and (pair.limit is None or ratio <= pair.limit)
        print(
            f"| {name} | {coverage:.0%} | {own.median:.1f} | {own.processor:.1f} | {other.median:.1f} | "
            f"{other.processor:.1f} | {ratio:.3f} | {'' if pair.limit is None else f'{pair.limit:.2f}'} |"
        )
    return 0 if kept else 1


def _beside(metres: float) -> NDArray[np.float64]:
    matrix = np.eye(4)
    matrix[0, 3] = metres
    return matrix


if __name__ == "__main__":
    sys.exit(main())
