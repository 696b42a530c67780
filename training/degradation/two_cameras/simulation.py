"""From a scene's exact depth to the image that a depth camera delivers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.calibration import check_rigid
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.transforms import Matrix
from training.degradation.two_cameras.dropouts import at_edges, dropped
from training.degradation.two_cameras.mesh import Joints, mesh_of
from training.degradation.two_cameras.mixing import Mixing, cells, mixed, samples_for
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.rendering import render
from training.degradation.two_cameras.uncovered import continue_behind


@dataclass(frozen=True)
class Faults:
    """What a sensor does to what it sees. The default does nothing but round to millimetres.

    Attributes:
        mixing: over a pixel's square.
        noise: along the ray.
        steps: of the values.
        dropouts: share of the pixels at edges that are not measured.
        dropout_reach: pixels from an edge up to which they are at it; 0 for those whose own square sees it.
        depth_min: nearest distance that is measured, metres.
        depth_max: farthest distance that is measured, metres.
    """

    mixing: Mixing = Mixing.MEAN
    noise: AxialNoise = field(default_factory=AxialNoise)
    steps: Steps = field(default_factory=Steps)
    dropouts: float = 0.0
    dropout_reach: int = 0
    depth_min: float = 0.0
    depth_max: float = math.inf


@dataclass(frozen=True)
class DepthSensor:
    """A depth camera and where it stands.

    Attributes:
        camera: the depth camera.
        depth_to_colour: (4, 4), takes points in metres from its optical frame to that of the scene's camera.
        faults: of what it measures.
    """

    camera: Camera
    depth_to_colour: Matrix
    faults: Faults = field(default_factory=Faults)


def simulate(
    depth: NDArray[np.float32],
    colour_camera: Camera,
    sensor: DepthSensor,
    rng: np.random.Generator,
    joints: Joints | None = None,
) -> NDArray[np.float32]:
    """The image that a depth camera delivers.

    Args:
        depth: (H, W) exact depth of the scene in the colour camera's view, metres, NaN where unknown; not changed.
        colour_camera: that the scene is known from.
        sensor: the depth camera.
        rng: noise and drop-outs are drawn from it.
        joints: which neighbouring pixels of the scene lie on one surface.

    Returns:
        (h, w) float32 metres along the depth camera's axis, NaN where nothing is measured.

    Raises:
        ValueError: depth is not of the colour camera's size, or `depth_to_colour` is no rigid motion.
    """
    seen = samples(depth, colour_camera, sensor, joints)
    faults = sensor.faults
    measured = faults.steps.rounded(faults.noise.added(mixed(seen), rng))
    measured = dropped(measured, at_edges(seen, faults.dropout_reach), faults.dropouts, rng)
    with np.errstate(invalid="ignore"):
        within = (measured >= faults.depth_min) & (measured <= faults.depth_max) & (measured > 0)
    return np.where(within, measured, np.float32(np.nan))


def samples(
    depth: NDArray[np.float32], colour_camera: Camera, sensor: DepthSensor, joints: Joints | None = None
) -> NDArray[np.float32]:
    """What a sensor's pixels see, without any fault: (h, w, n) metres, NaN where unknown. Arguments as `simulate`."""
    to_depth = np.asarray(np.linalg.inv(check_rigid(sensor.depth_to_colour)), np.float64)
    known, own = colour_camera.intrinsics, sensor.camera.intrinsics
    side = samples_for(sensor.faults.mixing, math.sqrt(known.fx * known.fy / (own.fx * own.fy)))
    fine = sensor.camera.resized(own.width * side, own.height * side)
    drawn = render(mesh_of(depth, colour_camera, joints), fine, to_depth)
    return cells(continue_behind(drawn, fine, to_depth), side)
