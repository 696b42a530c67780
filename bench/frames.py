"""A whole frame at 640x480: the default, registration included, beside FDKN x8 of the papers, in turn in one process.

    python -m bench.frames

Prints medians of the clock and of processor time, and their ratio to FDKN's frame, whose depth is registered already.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

import cv2
import numpy as np

from bench.limits import machine
from bench.registration import made_up_depth
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.commands.timing import Case, time_in_turn
from depth_sr_ros.upsampler import Upsampler

LIMIT = 1.25
"""Largest ratio of processor time to FDKN's frame that is accepted."""

COLOUR = Camera(Intrinsics(640, 480, 525.0, 525.0, 319.5, 239.5))
DEPTH_CAMERAS = {
    "640x480": Camera(Intrinsics(640, 480, 585.0, 585.0, 319.5, 239.5)),
    "320x288": Camera(Intrinsics(320, 288, 252.0, 252.0, 159.5, 143.5)),
    "224x171": Camera(Intrinsics(224, 171, 190.0, 190.0, 111.5, 85.0)),
}
"""What stands 3 cm beside the colour camera, by the size of its images."""

_FDKN = "FDKN x8, registered 80x60"


def frames() -> dict[str, Case]:
    """What is timed, by name."""
    rgb = np.random.default_rng(1).integers(0, 255, (*COLOUR.size, 3), dtype=np.uint8)
    rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), 2), np.uint8)
    registered = made_up_depth(COLOUR)
    beside = np.eye(4)
    beside[0, 3] = 0.03
    cases: dict[str, Case] = {
        _FDKN: partial(Upsampler("fdkn", 8), rgb, np.ascontiguousarray(registered[4::8, 4::8])),
        "default, registered 640x480": partial(Upsampler(), rgb, registered),
    }
    for name, camera in DEPTH_CAMERAS.items():
        calibration = Calibration(COLOUR, camera, beside)
        cases[f"default, raw {name}"] = partial(Upsampler(), rgb, made_up_depth(camera), calibration)
    return cases


def main() -> int:
    """Measures and prints; returns 1 where the limit is not kept."""
    parser = argparse.ArgumentParser(prog="python -m bench.frames", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    times = time_in_turn(frames(), options.rounds)
    print(f"Machine: {machine()}. Milliseconds a frame, median of {options.rounds} rounds.\n")
    print("| frame | clock | processor | ratio (processor) |\n|---|---|---|---|")
    slowest = 0.0
    for name, timing in times.items():
        ratio = timing.processor / times[_FDKN].processor
        slowest = max(slowest, ratio)
        print(f"| {name} | {timing.median:.1f} | {timing.processor:.1f} | {ratio:.2f} |")
    return 0 if slowest <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
