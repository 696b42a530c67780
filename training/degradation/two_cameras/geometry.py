"""Draws where a training crop's depth camera stands, and what its calibration says instead.

A calibration is off for a whole image at once: by a shift and a rotation per crop. That of a Kinect v1 (7-Scenes,
redkitchen), fitted to the recording itself, leaves one to three pixels between edges of depth and colour. Between the
two exposures the cameras may move, and a rolling shutter turns that into a shear (Hedborg et al., "Rolling shutter
bundle adjustment", 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.transforms import Matrix
from training.degradation.two_cameras.ranges import GeometryRanges, log_uniform

_PAD = 1.5  # depth pixels around what the colour camera sees
_LEAST_SIDE = 4  # depth pixels


@dataclass(frozen=True)
class Geometry:
    """A depth camera beside a colour camera.

    Attributes:
        camera: the depth camera, a pinhole.
        to_colour: (4, 4), takes points in metres from its optical frame to the colour camera's.
        told: the same as the calibration says it.
        roll: see `layers.Projection.between`.
        aligned: whether the driver delivers depth on the colour image's pixels.
    """

    camera: Intrinsics
    to_colour: Matrix
    told: Matrix = field(default_factory=lambda: np.eye(4))
    roll: tuple[float, float] = (0.0, 0.0)
    aligned: bool = False


def draw_geometry(
    colour: Intrinsics, depths: tuple[float, float], ranges: GeometryRanges, rng: np.random.Generator
) -> Geometry:
    """One depth camera, and how wrong its calibration is.

    Args:
        colour: the colour camera.
        depths: nearest and farthest depth of the scene, metres.
        ranges: what it is drawn from.
        rng: source of chance.
    """
    ratio = 1.0 if rng.random() < ranges.one_to_one else log_uniform(ranges.ratio, rng)
    registered = rng.random() < ranges.registered
    told = np.eye(4) if registered else _place(colour, depths, ranges, rng)
    camera = _coarser(colour, ratio) if registered else _facing(colour, ratio, depths, told, rng)
    error = _error(colour, ratio, ranges, rng)
    motion, roll = np.eye(4), (0.0, 0.0)
    if rng.random() < ranges.motion:
        motion[:3, 3] = rng.uniform(-1, 1, 3) * ranges.motion_step
        across, down = rng.uniform(-1, 1, 2) * ranges.motion_roll
        roll = float(across), float(down)
    aligned = rng.random() < ranges.aligned and ratio <= ranges.aligned_ratio
    return Geometry(camera, error @ motion @ told, told, roll, bool(aligned))


def _coarser(colour: Intrinsics, ratio: float) -> Intrinsics:
    """The colour camera's view on a grid of about that ratio."""
    return colour.resized(*(max(_LEAST_SIDE, round(side / ratio)) for side in (colour.width, colour.height)))


def _place(colour: Intrinsics, depths: tuple[float, float], ranges: GeometryRanges, rng: np.random.Generator) -> Matrix:
    """Where the depth camera stands and looks."""
    metres = rng.uniform(*ranges.baseline)
    focal = math.sqrt(colour.fx * colour.fy)
    metres = min(metres, ranges.parallax / max(focal * (1 / depths[0] - 1 / depths[1]), 1e-6))
    angle = rng.uniform(0, 2 * math.pi)
    if rng.random() < ranges.sideways:
        angle = round(angle / (math.pi / 2)) * math.pi / 2
    matrix = np.eye(4)
    matrix[:3, 3] = metres * np.array([math.cos(angle), math.sin(angle), rng.uniform(-0.1, 0.1)])
    pitch, yaw = rng.normal(0, ranges.tilt, 2)
    if rng.random() < ranges.steep:
        pitch = rng.uniform(-ranges.steep_tilt, ranges.steep_tilt)
    matrix[:3, :3] = _rotation(pitch, yaw, rng.normal(0, ranges.roll))
    return matrix


def _facing(
    colour: Intrinsics, ratio: float, depths: tuple[float, float], told: Matrix, rng: np.random.Generator
) -> Intrinsics:
    """A depth camera whose image holds all that the colour camera sees, with a phase of its own within a pixel."""
    fx, fy = colour.fx / ratio, colour.fy / ratio
    to_depth = np.linalg.inv(told)
    seen = np.concatenate([_border(colour) * z @ to_depth[:3, :3].T + to_depth[:3, 3] for z in depths])
    pixels = seen[:, :2] / np.maximum(seen[:, 2:], 1e-3) * (fx, fy)
    first = pixels.min(axis=0) - _PAD - rng.random(2)
    width, height = (max(_LEAST_SIDE, math.ceil(side)) for side in pixels.max(axis=0) + _PAD - first)
    return Intrinsics(width, height, fx, fy, -float(first[0]), -float(first[1]))


def _border(colour: Intrinsics) -> NDArray[np.float64]:
    """Rays of the corners and of the middles of the sides, (8, 3)."""
    places = [(x, y) for x in (0, 0.5, 1) for y in (0, 0.5, 1) if (x, y) != (0.5, 0.5)]
    x, y = np.array(places).T * np.array([[colour.width], [colour.height]]) - 0.5
    return np.stack([(x - colour.cx) / colour.fx, (y - colour.cy) / colour.fy, np.ones(len(places))], axis=-1)


def _error(colour: Intrinsics, ratio: float, ranges: GeometryRanges, rng: np.random.Generator) -> Matrix:
    """What the calibration misses: a rotation, which shifts and turns the image."""
    limit = ranges.shift_limit * ratio
    if rng.random() < ranges.far_off:
        limit = min(limit, ranges.far_off_limit)
        shift = rng.uniform(-limit, limit, 2)
    else:
        shift = np.clip(rng.normal(0, ranges.shift, 2), -limit, limit)
    turn = float(np.clip(rng.normal(0, ranges.rotation), -ranges.rotation_limit, ranges.rotation_limit))
    matrix = np.eye(4)
    yaw, pitch = math.degrees(shift[0] / colour.fx), math.degrees(-shift[1] / colour.fy)
    matrix[:3, :3] = _rotation(pitch, yaw, turn)
    return matrix


def _rotation(pitch: float, yaw: float, roll: float) -> Matrix:
    """(3, 3) of a rotation vector in degrees."""
    return np.asarray(cv2.Rodrigues(np.radians([pitch, yaw, roll]))[0], np.float64)
