"""Times the engine and what a user would take instead, in turn, in one process on the same frames.

Run by `bench.latency` as a process of its own. Prints JSON: median milliseconds by method.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.motorcycle import registered_motorcycle
from depth_sr_ros.upsampler import Upsampler

Method = Callable[[NDArray[np.uint8], NDArray[np.float32]], object]

_ROUNDS = 40
_RADIUS, _EPSILON, _BILATERAL = 8, 1e-3, (9, 20.0, 5.0)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    frames = list(_frames(parser.parse_args().cache))
    upsampler = Upsampler(model="fdkn", scale=8)
    methods: dict[str, Method] = {
        "upsampler": upsampler,
        "guided filter, colour": guided_colour,
        "guided filter, grey": _guided_grey,
        "joint bilateral": _joint_bilateral,
        "cv2 bicubic": lambda rgb, depth: _start(rgb, depth),
    }
    milliseconds: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(_ROUNDS + 3):
        rgb, depth = frames[turn % len(frames)]
        for name, method in methods.items():
            start = time.perf_counter()
            method(rgb, depth)
            milliseconds[name].append((time.perf_counter() - start) * 1e3)
    info = upsampler.describe()
    medians = {name: round(statistics.median(values[3:]), 2) for name, values in milliseconds.items()}
    print(json.dumps({"engine": info.engine, "precision": info.precision, "median_ms": medians}))
    return 0


def _frames(cache: Path, count: int = 8) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    images: dict[str, list[NDArray[np.generic]]] = {"colour": [], "depth": []}
    for frame in registered_motorcycle(cache).frames():
        images[frame.stream].append(frame.load()[0])
        if min(map(len, images.values())) >= count:
            break
    depths = [_metres(depth) for depth in images["depth"][:count]]
    return list(zip(images["colour"][:count], depths, strict=True))  # type: ignore[arg-type]


def _metres(depth: NDArray[np.generic]) -> NDArray[np.float32]:
    if depth.dtype == np.uint16:
        return np.where(depth == 0, np.nan, depth.astype(np.float32) * np.float32(0.001)).astype(np.float32)
    return depth.astype(np.float32)


def _start(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every peer starts from the same cheap up-sampling, holes set to the mean."""
    filled = np.where(np.isnan(depth), np.nanmean(depth), depth).astype(np.float32)
    larger = cv2.resize(filled, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(larger, np.float32)


def guided_colour(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> object:
    """OpenCV's guided filter of the bicubic start image under the colour image."""
    return cv2.ximgproc.guidedFilter(rgb, _start(rgb, depth), _RADIUS, _EPSILON * 255**2)


def _guided_grey(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> object:
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.ximgproc.guidedFilter(grey, _start(rgb, depth), _RADIUS, _EPSILON * 255**2)


def _joint_bilateral(rgb: NDArray[np.uint8], depth: NDArray[np.float32]) -> object:
    diameter, colour, space = _BILATERAL
    guide = rgb.astype(np.float32)
    return cv2.ximgproc.jointBilateralFilter(guide, _start(rgb, depth), diameter, colour, space)


if __name__ == "__main__":
    sys.exit(main())
