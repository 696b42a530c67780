"""The cameras: what their depth and colour modes are like, and how they are put before a scene.

Figures are typical ones: modes and ranges by data sheets, focal lengths as their drivers publish them, errors as
published (sources in `training.degradation.two_cameras`). One unit of the same make differs by a percent.

A scene has its own colour image. The camera's colour mode is put in its place and the depth mode keeps its ratio to it:
the depth image has the scene's focal length over the ratio, the angles of its own mode, and of these what can meet the
scene's view. Distances, and so parallaxes, are the camera's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.transforms import Matrix
from training.degradation.two_cameras.mixing import Mixing
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.simulation import DepthSensor, Faults

_NEAREST, _FARTHEST = 0.6, 50.0  # metres between which depth and colour image have to meet


@dataclass(frozen=True)
class Mode:
    """Size of an image and its focal length, pixels."""

    width: int
    height: int
    focal: float


@dataclass(frozen=True)
class SensorModel:
    """A camera of the table.

    Attributes:
        title: for tables.
        depth: mode of the depth image.
        colour: mode of the colour image.
        place: where the depth camera stands in the colour camera's optical frame, metres (x right, y down, z forward).
        tilt: by how much it looks further down, degrees.
        lens: of the depth camera.
        faults: of what it measures.
    """

    title: str
    depth: Mode
    colour: Mode
    place: tuple[float, float, float]
    faults: Faults
    tilt: float = 0.0
    lens: Lens = field(default_factory=Lens)

    @property
    def ratio(self) -> float:
        """Colour pixels per depth pixel, along a line."""
        return self.colour.focal / self.depth.focal

    @cached_property
    def depth_to_colour(self) -> Matrix:
        """(4, 4), takes points in metres from the depth camera's optical frame to the colour camera's."""
        angle = math.radians(self.tilt)
        matrix = np.eye(4)
        matrix[1:3, 1:3] = [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]
        matrix[:3, 3] = self.place
        return matrix

    def before(self, colour: Camera) -> DepthSensor:
        """The depth camera that stands beside a scene's colour camera.

        Raises:
            ValueError: its view does not meet the scene's.
        """
        i = colour.intrinsics
        fx, fy = i.fx / self.ratio, i.fy / self.ratio
        own = self.depth
        width, height = round(own.width * fx / own.focal), round(own.height * fy / own.focal)
        whole = Camera(Intrinsics(width, height, fx, fy, (width - 1) / 2, (height - 1) / 2), self.lens)
        return DepthSensor(_cut(whole, colour, self.depth_to_colour), self.depth_to_colour, self.faults)


@dataclass(frozen=True)
class SweepModel:
    """A camera without a make, to compare ratios with nothing else changed: its view is the scene's, from 5 cm beside.

    Attributes:
        ratio: colour pixels per depth pixel, along a line.
        faults: of what it measures.
    """

    ratio: float
    faults: Faults

    @property
    def title(self) -> str:
        """For tables."""
        return f"5 cm beside, r = {self.ratio:g}"

    def before(self, colour: Camera) -> DepthSensor:
        """The depth camera that stands beside a scene's colour camera."""
        i, r = colour.intrinsics, self.ratio
        cx, cy = (i.cx + 0.5) / r - 0.5, (i.cy + 0.5) / r - 0.5
        camera = Camera(Intrinsics(math.ceil(i.width / r), math.ceil(i.height / r), i.fx / r, i.fy / r, cx, cy))
        beside = np.eye(4)
        beside[0, 3] = 0.05
        return DepthSensor(camera, beside, self.faults)


def _cut(whole: Camera, colour: Camera, to_colour: Matrix) -> Camera:
    """The part of a depth camera that can meet the colour camera's view."""
    to_depth = np.linalg.inv(to_colour)
    pixels = whole.project(_frame(colour) @ to_depth[:3, :3].T + to_depth[:3, 3])
    i = whole.intrinsics
    left, top = np.clip(np.floor(np.nanmin(pixels, axis=0)), 0, None).astype(int)
    right, bottom = np.minimum(np.ceil(np.nanmax(pixels, axis=0)) + 1, (i.width, i.height)).astype(int)
    if right - left < 2 or bottom - top < 2:
        raise ValueError(f"depth camera: expected its view to meet the scene's, found {pixels.tolist()}")
    size = int(right - left), int(bottom - top)
    return Camera(Intrinsics(*size, i.fx, i.fy, i.cx - float(left), i.cy - float(top)), whole.lens)


def _frame(colour: Camera) -> NDArray[np.float64]:
    """Points on the border of a camera's view, near and far."""
    height, width = colour.size
    along = np.linspace(0, 1, 9)
    border = [(x, y) for x in along for y in along if x in (0, 1) or y in (0, 1)]
    rays = colour.directions(np.array(border) * (width - 1, height - 1))
    ahead = np.concatenate([rays, np.ones((len(rays), 1))], axis=-1)
    return np.concatenate([_NEAREST * ahead, _FARTHEST * ahead])


def _tof(constant: float, share: float, low: float, high: float, unit: float = 0.001, dropouts: float = 0.3) -> Faults:
    return Faults(Mixing.MEAN, AxialNoise(constant, share), Steps(unit=unit), dropouts, 0, low, high)


def _disparity(square: float, steps: float, low: float, high: float) -> Faults:
    return Faults(Mixing.ONE, AxialNoise(square=square), Steps(steps, 0.001), 0.3, 1, low, high)


_KINECT_V2_LENS = Lens("plumb_bob", (0.09, -0.27, 0.0, 0.0, 0.09))
_AZURE_LENS = Lens("rational_polynomial", (5.26, 3.48, -1.5e-5, -5e-5, 0.18, 5.60, 5.24, 0.96))
_AZURE_PLACE = (-0.032, -0.002, 0.004)

SENSORS: dict[str, SensorModel] = {
    "kinect_v1": SensorModel(
        "Kinect v1, Xtion", Mode(640, 480, 580), Mode(640, 480, 525), (-0.025, 0.0, 0.0),
        _disparity(1.425e-3, 2.85e-3, 0.4, 8.0),
    ),
    "kinect_v2": SensorModel(
        "Kinect v2", Mode(512, 424, 365), Mode(1920, 1080, 1060), (-0.052, 0.0, 0.0), _tof(0.001, 0.001, 0.5, 8.0),
        lens=_KINECT_V2_LENS,
    ),
    "azure_kinect_binned": SensorModel(
        "Azure Kinect, Femto, NFOV 2x2", Mode(320, 288, 252), Mode(1280, 720, 610), _AZURE_PLACE,
        _tof(0.002, 0.0015, 0.5, 5.5), tilt=6.0, lens=_AZURE_LENS,
    ),
    "azure_kinect": SensorModel(
        "Azure Kinect, Femto, NFOV", Mode(640, 576, 504), Mode(1920, 1080, 915), _AZURE_PLACE,
        _tof(0.003, 0.002, 0.5, 5.5), tilt=6.0, lens=_AZURE_LENS,
    ),
    "realsense_d435": SensorModel(
        "RealSense D435", Mode(848, 480, 425), Mode(1280, 720, 920), (0.015, 0.0, 0.0),
        _disparity(3.5e-3, 1.5e-3, 0.28, 10.0),
    ),
    "realsense_l515": SensorModel(
        "RealSense L515", Mode(640, 480, 457), Mode(1920, 1080, 1370), (0.0, 0.014, 0.0),
        _tof(0.004, 0.0011, 0.25, 9.0, unit=0.00025),
    ),
    "oak_d_tof": SensorModel(
        "OAK-D ToF", Mode(640, 480, 490), Mode(1280, 800, 800), (0.02, 0.0, 0.0), _tof(0.003, 0.003, 0.2, 5.0)
    ),
    "pico_flexx": SensorModel(
        "pico flexx", Mode(224, 171, 210), Mode(1280, 720, 920), (0.04, -0.02, 0.0), _tof(0.002, 0.007, 0.1, 4.0)
    ),
    "iphone_lidar": SensorModel(
        "iPhone LiDAR (registered)", Mode(256, 192, 212), Mode(1920, 1440, 1590), (0.0, 0.0, 0.0),
        _tof(0.003, 0.003, 0.2, 5.0, dropouts=0.0),
    ),
    "arducam_tof": SensorModel(
        "Arducam ToF", Mode(240, 180, 171), Mode(1280, 720, 900), (0.03, 0.01, 0.0), _tof(0.005, 0.005, 0.2, 4.0)
    ),
}  # fmt: skip
"""Cameras by name."""

SWEEP: dict[str, SweepModel] = {
    f"r{ratio}": SweepModel(ratio, _tof(0.002, 0.003, 0.0, math.inf)) for ratio in (1, 2, 3, 4, 6, 8)
}
"""Time of flight at growing ratios, by name."""
