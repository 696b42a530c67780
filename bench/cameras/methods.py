"""What is compared: ways from a raw depth image to dense depth on the colour image's pixels."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.cameras.aligned import aligned
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.holes import fill_nearest
from depth_sr_ros.cameras.registration import Registered, Registration
from depth_sr_ros.cameras.transforms import Matrix
from depth_sr_ros.upsampler import Upsampler

Depth = NDArray[np.float32]

DIAMETER, COLOUR_SIGMA, SPACE_SIGMA = 9, 20.0, 5.0
"""Of the joint bilateral filter."""

RADIUS, EPSILON = 4, 1e-4
"""Of the guided filter; of colours in [0, 1]."""

SMOOTHNESS, FGS_COLOUR = 30.0, 4.0
"""Of the fast global smoother."""


@dataclass(frozen=True)
class Frame:
    """One frame as the two cameras deliver it.

    Attributes:
        rgb: (H, W, 3) uint8.
        raw: (h, w) float32 metres in the depth camera's view, NaN where not measured.
        calibration: both cameras and how they are related.
    """

    rgb: NDArray[np.uint8]
    raw: Depth
    calibration: Calibration

    @property
    def colour(self) -> Camera:
        """The colour camera."""
        return self.calibration.colour

    @property
    def depth_camera(self) -> Camera:
        """The depth camera."""
        assert self.calibration.depth is not None
        return self.calibration.depth

    @property
    def to_colour(self) -> Matrix:
        """From the depth camera's optical frame to the colour camera's."""
        assert self.calibration.depth_to_colour is not None
        return self.calibration.depth_to_colour

    @cached_property
    def driver_aligned(self) -> Depth:
        """Depth on the colour image's pixels, as a driver delivers it."""
        return aligned(self.raw, self.depth_camera, self.colour, self.to_colour)

    @cached_property
    def registered(self) -> Registered:
        """Depth registered as the package does it."""
        return Registration(self.depth_camera, self.colour, self.to_colour)(self.raw)


Method = Callable[[Frame], Depth]
"""A frame to (H, W) metres on the colour image's pixels, NaN where nothing is said."""


def driver(frame: Frame) -> Depth:
    """Depth aligned by a driver, as it arrives."""
    return frame.driver_aligned


def bilinear(frame: Frame) -> Depth:
    """The same on a grid that is not finer than the depth camera's; holes take the nearest value; then bilinear."""
    ours, i = frame.depth_camera.intrinsics, frame.colour.intrinsics
    share = min(1.0, math.sqrt(ours.fx * ours.fy / (i.fx * i.fy)))
    grid = frame.colour.resized(max(1, round(i.width * share)), max(1, round(i.height * share)))
    coarse = aligned(frame.raw, frame.depth_camera, grid, frame.to_colour)
    known = np.isfinite(coarse)
    filled = fill_nearest(np.where(known, coarse, np.float32(0)), known)
    return np.asarray(cv2.resize(filled, (i.width, i.height), interpolation=cv2.INTER_LINEAR), np.float32)


def start_image(frame: Frame) -> Depth:
    """The package's registration: surfaces drawn into the colour image, holes filled from behind."""
    return frame.registered.start


def joint_bilateral(frame: Frame) -> Depth:
    """The start image through OpenCV's joint bilateral filter."""
    guide = frame.rgb.astype(np.float32)  # guide and image have to be of one type
    start = frame.registered.start
    return np.asarray(cv2.ximgproc.jointBilateralFilter(guide, start, DIAMETER, COLOUR_SIGMA, SPACE_SIGMA))


def guided_filter(frame: Frame) -> Depth:
    """The start image through OpenCV's guided filter."""
    return np.asarray(cv2.ximgproc.guidedFilter(frame.rgb, frame.registered.start, RADIUS, EPSILON * 255**2))


def fast_global_smoother(frame: Frame) -> Depth:
    """The start image through OpenCV's fast global smoother."""
    start = frame.registered.start
    return np.asarray(cv2.ximgproc.fastGlobalSmootherFilter(frame.rgb, start, SMOOTHNESS, FGS_COLOUR))


def aligned_x8(frame: Frame) -> Depth:
    """The driver's depth into the default network of the papers' task, FDKN at scale 8, with its holes filled."""
    return _upsampler_x8()(frame.rgb, frame.driver_aligned).depth


def served(frame: Frame) -> Depth:
    """What `Upsampler` makes by default of raw depth and two calibrated cameras, holes filled."""
    return _upsampler_of_cameras()(frame.rgb, frame.raw, cameras=frame.calibration).depth


@cache
def _upsampler_x8() -> Upsampler:
    return Upsampler("fdkn", 8, threads=1, fill_holes=True)


@cache
def _upsampler_of_cameras() -> Any:
    return Upsampler(threads=1, fill_holes=True)


def takes_cameras() -> bool:
    """Whether this version's `Upsampler` serves raw depth with cameras."""
    return "cameras" in inspect.signature(Upsampler.__call__).parameters


METHODS: dict[str, tuple[str, Method]] = {
    "driver": ("driver-aligned, as it arrives", driver),
    "bilinear": ("register, fill, bilinear", bilinear),
    "aligned_x8": ("driver-aligned into FDKN x8", aligned_x8),
    "start": ("start image", start_image),
    "joint_bilateral": ("start + joint bilateral", joint_bilateral),
    "guided": ("start + guided filter", guided_filter),
    "smoother": ("start + fast global smoother", fast_global_smoother),
    **({"served": ("the default from raw depth", served)} if takes_cameras() else {}),
}
"""Titles and methods by name. The last one is there where `Upsampler` takes cameras."""
