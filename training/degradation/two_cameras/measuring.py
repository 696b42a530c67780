"""A sensor's faults, in the order in which light, pixel, chip and driver make them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from training.degradation.two_cameras.correlated import CorrelatedNoise
from training.degradation.two_cameras.driver import Driver
from training.degradation.two_cameras.fattening import fattened
from training.degradation.two_cameras.lost import Lost
from training.degradation.two_cameras.mixing import Mixing
from training.degradation.two_cameras.multipath import Multipath
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.pixels import Seen
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.ragged import ragged
from training.degradation.two_cameras.shadow import Shadow
from training.degradation.two_cameras.wiggle import Wiggle


@dataclass(frozen=True)
class SensorFaults:
    """Everything that a sensor does to what it sees; the default does nothing but mix.

    Attributes:
        mixing: over a pixel's square.
        by_brightness: bright samples count for more in it.
        ragged: standard deviation of noise across the image, pixels.
        fat: pixels by which near surfaces grow.
        multipath: rounding of corners.
        wiggle: periodic error in distance.
        bias: slow error in space.
        correlated: noise that neighbours share.
        noise: noise of each pixel.
        lost: what is not measured.
        shadow: what its projector or second camera does not see.
        driver: what the driver does.
        steps: of the values.
        depth_min: nearest distance that is measured, metres.
        depth_max: farthest distance that is measured, metres.
    """

    mixing: Mixing = Mixing.MEAN
    by_brightness: bool = False
    ragged: float = 0.0
    fat: int = 0
    multipath: Multipath = field(default_factory=Multipath)
    wiggle: Wiggle = field(default_factory=Wiggle)
    bias: CorrelatedNoise = field(default_factory=CorrelatedNoise)
    correlated: CorrelatedNoise = field(default_factory=CorrelatedNoise)
    noise: AxialNoise = field(default_factory=AxialNoise)
    lost: Lost = field(default_factory=Lost)
    shadow: Shadow = field(default_factory=Shadow)
    driver: Driver = field(default_factory=Driver)
    steps: Steps = field(default_factory=lambda: Steps(0.0, 0.0))
    depth_min: float = 0.0
    depth_max: float = math.inf


def measured(seen: Seen, faults: SensorFaults, focal: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The image that a sensor delivers.

    Args:
        seen: what its pixels see.
        faults: what it does to that.
        focal: of the depth camera, pixels.
        rng: source of chance.

    Returns:
        (h, w) float32 metres, NaN where nothing is measured; all values are within the sensor's range.
    """
    depth = fattened(ragged(seen.depth, faults.ragged, rng), faults.fat)
    depth = faults.wiggle.added(faults.multipath.applied(depth))
    for noise in (faults.bias, faults.correlated, faults.noise):
        depth = noise.added(depth, rng)
    gone = faults.lost.mask(seen, focal, rng) | faults.shadow.mask(seen.depth, focal) | ~(depth > 0)
    # the driver does not smooth over what is not there, and what it rounds stays within the range
    depth = np.where(gone, np.float32(np.nan), depth)
    depth = faults.steps.rounded(faults.driver.applied(_within(depth, faults)))
    return _within(depth, faults)


def _within(depth: NDArray[np.float32], faults: SensorFaults) -> NDArray[np.float32]:
    with np.errstate(invalid="ignore"):
        within = (depth >= faults.depth_min) & (depth <= faults.depth_max) & (depth > 0)
    return np.where(within, depth, np.float32(np.nan)).astype(np.float32)
