"""One training camera, drawn, and the image that it delivers of a scene."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from training.degradation.two_cameras.behind import continued
from training.degradation.two_cameras.correlated import CorrelatedNoise
from training.degradation.two_cameras.driver import Driver
from training.degradation.two_cameras.geometry import Geometry, draw_geometry
from training.degradation.two_cameras.layers import Layer, Projection, draw
from training.degradation.two_cameras.lost import Lost
from training.degradation.two_cameras.measuring import SensorFaults, measured
from training.degradation.two_cameras.mixing import Mixing
from training.degradation.two_cameras.multipath import Multipath
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.pixels import Seen, seen_by
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.ranges import CameraRanges, FaultRanges
from training.degradation.two_cameras.shadow import Shadow
from training.degradation.two_cameras.wiggle import Wiggle

Choice = TypeVar("Choice")
_MEAN_SAMPLES = 2  # along a pixel's side at least
_SENT_FAR = 0.25  # of the scene's depth that has to lie within the sensor's range


@dataclass(frozen=True)
class CameraDraw:
    """A depth camera: where it stands and what it does wrong. Equal generators draw equal ones.

    Attributes:
        geometry: where it stands.
        faults: what it does wrong.
    """

    geometry: Geometry
    faults: SensorFaults


def draw_camera(
    colour: Intrinsics, depths: tuple[float, float], ranges: CameraRanges, rng: np.random.Generator
) -> CameraDraw:
    """One camera.

    Args:
        colour: the colour camera.
        depths: nearest and farthest depth of the scene, metres.
        ranges: what it is drawn from.
        rng: source of chance.
    """
    kind = _one_of([(kind, share) for kind, share in ranges.kinds], rng)
    geometry = draw_geometry(colour, depths, ranges.geometry, rng)
    return CameraDraw(geometry, _draw_faults(kind, geometry.camera.width, depths, rng))


def look(
    layers: Sequence[Layer], colour: Intrinsics, brightness: NDArray[np.float32], camera: CameraDraw, whole: bool
) -> Seen:
    """What a camera's pixels see of a scene, before it does anything wrong but mix.

    Args:
        layers: the scene.
        colour: the camera that its images are of.
        brightness: (H, W) of the colour image, in [0, 1].
        camera: that looks at it.
        whole: whether the layers hold what the colour camera does not see; otherwise far surfaces are continued.
    """
    own, faults, to_colour = camera.geometry.camera, camera.faults, camera.geometry.to_colour
    ratio = math.sqrt(colour.fx * colour.fy / (own.fx * own.fy))
    side = 1 if faults.mixing is Mixing.ONE else max(_MEAN_SAMPLES, math.ceil(ratio - 0.25))
    fine = own.resized(own.width * side, own.height * side)
    roll = camera.geometry.roll[0] * side, camera.geometry.roll[1] * side
    projection = Projection.between(colour, fine, np.linalg.inv(to_colour), roll)
    drawn = draw(layers, colour, (fine.height, fine.width), projection)
    if not whole:
        drawn = continued(drawn, projection)
    return seen_by(drawn, brightness, side, faults.mixing, faults.by_brightness)


def deliver(seen: Seen, camera: CameraDraw, rng: np.random.Generator) -> NDArray[np.float32]:
    """The image that a camera delivers, (h, w) float32 metres, NaN where nothing is measured."""
    own = camera.geometry.camera
    return measured(seen, camera.faults, math.sqrt(own.fx * own.fy), rng)


def _draw_faults(kind: FaultRanges, width: int, depths: tuple[float, float], rng: np.random.Generator) -> SensorFaults:
    noise = AxialNoise(*(amount.drawn(rng) for amount in kind.noise))
    constant, share, square = (amount.drawn(rng) for amount in kind.correlated)
    bias, bias_length = kind.bias.drawn(rng), width * rng.uniform(*kind.bias_length)
    low, high = kind.nearest.drawn(rng), kind.farthest.drawn(rng)
    return SensorFaults(
        mixing=kind.mixing,
        by_brightness=bool(rng.random() < kind.by_brightness),
        ragged=kind.ragged.drawn(rng),
        fat=int(rng.random() < kind.fat),
        multipath=Multipath(kind.multipath.drawn(rng), int(rng.integers(2, 7))),
        wiggle=Wiggle(kind.wiggle.drawn(rng), rng.uniform(*kind.wiggle_period), rng.uniform(0, 2 * math.pi)),
        bias=CorrelatedNoise(bias, length=bias_length),
        correlated=CorrelatedNoise(constant, share, square, rng.uniform(*kind.correlation)),
        noise=noise,
        lost=_draw_lost(kind, rng),
        shadow=Shadow(kind.shadow.drawn(rng) * float(rng.choice((-1, 1)))),
        driver=Driver(_of(kind.smoothing, rng), noise.share + 0.005, _of(kind.filling, rng), int(rng.integers(1, 5))),
        steps=Steps(kind.steps.drawn(rng), float(rng.choice(kind.units))),
        depth_min=min(low, depths[0] + (1 - _SENT_FAR) * (depths[1] - depths[0])),
        depth_max=max(high, depths[0] + _SENT_FAR * (depths[1] - depths[0])),
    )


def _draw_lost(kind: FaultRanges, rng: np.random.Generator) -> Lost:
    return Lost(
        dark=kind.dark.drawn(rng),
        shiny=kind.shiny.drawn(rng),
        grazing=kind.grazing.drawn(rng),
        thin=kind.thin.drawn(rng),
        edges=kind.edges.drawn(rng),
        patches=kind.patches.drawn(rng),
        thin_width=int(rng.integers(2, 4)),
        edge_reach=kind.edge_reach,
        patch_length=rng.uniform(*kind.patch_length),
    )


def _of(shares: Mapping[Choice, float], rng: np.random.Generator) -> Choice:
    return _one_of(list(shares.items()), rng)


def _one_of(shares: Sequence[tuple[Choice, float]], rng: np.random.Generator) -> Choice:
    chance = np.array([share for _, share in shares])
    return shares[int(rng.choice(len(shares), p=chance / chance.sum()))][0]
