"""The ranges that a training camera is drawn from: geometry, and the faults of four kinds of sensors.

Magnitudes are those of published cameras, see the files of the faults; ranges go a little beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from training.degradation.two_cameras.driver import Filling, Smoothing
from training.degradation.two_cameras.mixing import Mixing

Range = tuple[float, float]


def log_uniform(ends: Range, rng: np.random.Generator) -> float:
    """A number between two ends whose logarithm is uniform."""
    return math.exp(rng.uniform(math.log(ends[0]), math.log(ends[1])))


@dataclass(frozen=True)
class Amount:
    """A number that is drawn for a crop.

    Attributes:
        low: its least value.
        high: its largest.
        share: of the crops that have it; it is 0 for the others.
        log: whether its logarithm is uniform rather than itself.
    """

    low: float
    high: float
    share: float = 1.0
    log: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.low <= self.high and 0 <= self.share <= 1 and (self.low > 0 or not self.log)):
            raise ValueError(
                f"amount: expected 0 <= low <= high, a share in [0, 1] and low above 0 where it is logarithmic, found "
                f"{self}"
            )

    def drawn(self, rng: np.random.Generator) -> float:
        """One value."""
        has_it, place = rng.random(2)
        if has_it >= self.share:
            return 0.0
        if self.log:
            return float(math.exp(math.log(self.low) + place * math.log(self.high / self.low)))
        return float(self.low + place * (self.high - self.low))


NOTHING = Amount(0.0, 0.0)
"""Always 0."""


@dataclass(frozen=True)
class GeometryRanges:
    """Where the depth camera stands and how its pixels lie.

    Attributes:
        ratio: colour pixels per depth pixel, its logarithm uniform.
        one_to_one: share of the crops with ratio 1.
        registered: share of the crops whose depth is registered already: on a coarser grid in the colour camera's view.
        baseline: metres between the cameras.
        sideways: share of the baselines that run along the rows or columns; the others have any direction.
        parallax: colour pixels between the nearest and the farthest surface at most; baselines are shortened to that.
        tilt: standard deviation of pitch and yaw, degrees.
        steep: share of the crops with a pitch of up to `steep_tilt`, as Azure Kinect's.
        steep_tilt: degrees.
        roll: standard deviation, degrees.
        shift: standard deviation along each axis of the error of the calibration, colour pixels ...
        shift_limit: ... at most so many depth pixels ...
        far_off: ... except for this share of the crops, which have any shift up to `shift_limit` depth pixels.
        far_off_limit: colour pixels that this is at most.
        rotation: standard deviation of the calibration's error in roll, degrees; at most `rotation_limit`.
        rotation_limit: degrees.
        motion: share of the crops whose cameras move between the exposures.
        motion_step: metres that they move by at most.
        motion_roll: depth pixels by which a rolling shutter shears the image at most.
        aligned: share of the crops whose depth a driver has put onto the colour image's pixels, with its calibration.
        aligned_ratio: only such with a ratio up to this; a finer grid shows in coarser depth.
        narrow: share of the crops in which the depth camera's view ends.
        narrow_most: share of the depth image's side that is beyond it, at most.
    """

    ratio: Range = (1.0, 10.0)
    one_to_one: float = 0.2
    registered: float = 0.3
    baseline: Range = (0.0, 0.08)
    sideways: float = 0.5
    parallax: float = 48.0
    tilt: float = 0.7
    steep: float = 0.1
    steep_tilt: float = 6.5
    roll: float = 0.4
    shift: float = 0.4
    shift_limit: float = 2.0
    far_off: float = 0.1
    far_off_limit: float = 6.0
    rotation: float = 0.1
    rotation_limit: float = 0.5
    motion: float = 0.15
    motion_step: float = 0.004
    motion_roll: float = 1.0
    aligned: float = 0.12
    aligned_ratio: float = 3.0
    narrow: float = 0.25
    narrow_most: float = 0.4


@dataclass(frozen=True)
class FaultRanges:
    """Faults of a kind of sensor; see the files of the same names.

    Attributes:
        mixing: over the pixel's square.
        by_brightness: share of the crops whose mixing goes by brightness.
        noise: constant, share and square of `noise.AxialNoise`.
        correlated: the same of `correlated.CorrelatedNoise`.
        correlation: its length, pixels.
        bias: its constant, metres, where it is slow.
        bias_length: of that, share of the image's width.
        wiggle: amplitude, metres.
        wiggle_period: metres.
        multipath: strength.
        fat: share of the crops whose silhouettes are fat by one pixel.
        ragged: standard deviation, pixels.
        dark: of `lost.Lost`, and so the next five.
        shiny: as there.
        grazing: as there.
        thin: as there.
        edges: as there.
        patches: as there.
        edge_reach: pixels.
        patch_length: pixels that a patch is wide.
        shadow: metres of the sensor's own baseline, to either side.
        steps: of inverse depth, 1 / m.
        units: of depth, metres; one of them.
        smoothing: shares of what drivers do.
        filling: shares of what they fill holes with.
        nearest: where measuring begins, metres.
        farthest: where it ends, metres.
    """

    mixing: Mixing = Mixing.MEAN
    by_brightness: float = 0.0
    noise: tuple[Amount, Amount, Amount] = (NOTHING, NOTHING, NOTHING)
    correlated: tuple[Amount, Amount, Amount] = (NOTHING, NOTHING, NOTHING)
    correlation: Range = (1.0, 3.0)
    bias: Amount = NOTHING
    bias_length: Range = (0.1, 0.6)
    wiggle: Amount = NOTHING
    wiggle_period: Range = (0.3, 2.0)
    multipath: Amount = NOTHING
    fat: float = 0.0
    ragged: Amount = NOTHING
    dark: Amount = NOTHING
    shiny: Amount = NOTHING
    grazing: Amount = NOTHING
    thin: Amount = NOTHING
    edges: Amount = NOTHING
    patches: Amount = NOTHING
    edge_reach: int = 0
    patch_length: Range = (2.0, 12.0)
    shadow: Amount = NOTHING
    steps: Amount = NOTHING
    units: tuple[float, ...] = (0.001,)
    smoothing: Mapping[Smoothing, float] = field(default_factory=lambda: {Smoothing.NONE: 1.0})
    filling: Mapping[Filling, float] = field(default_factory=lambda: {Filling.NONE: 1.0})
    nearest: Amount = Amount(0.1, 0.5)
    farthest: Amount = Amount(4.0, 12.0)


TIME_OF_FLIGHT = FaultRanges(
    by_brightness=0.5,
    noise=(Amount(0.0005, 0.006, log=True), Amount(0.0005, 0.008, log=True), NOTHING),
    correlated=(Amount(0.0003, 0.004, 0.4, log=True), NOTHING, NOTHING),
    bias=Amount(0.001, 0.015, 0.4),
    wiggle=Amount(0.001, 0.010, 0.35),
    multipath=Amount(0.2, 1.0, 0.3),
    fat=0.1,
    dark=Amount(0.1, 0.9, 0.4),
    shiny=Amount(0.2, 1.0, 0.15),
    grazing=Amount(0.1, 0.9, 0.4),
    thin=Amount(0.1, 0.6, 0.15),
    edges=Amount(0.1, 0.6, 0.8),
    patches=Amount(0.002, 0.06, 0.3),
    units=(0.001, 0.001, 0.00025, 0.004),
    smoothing={Smoothing.NONE: 0.8, Smoothing.MEDIAN: 0.1, Smoothing.BILATERAL: 0.1},
    filling={Filling.NONE: 0.9, Filling.NEAREST: 0.05, Filling.FARTHEST: 0.05},
)
"""Kinect v2, Azure Kinect, PMD and the like."""

STRUCTURED_LIGHT = FaultRanges(
    mixing=Mixing.ONE,
    noise=(Amount(0.0002, 0.001, 0.5), NOTHING, Amount(0.2e-3, 2.0e-3, log=True)),
    correlated=(NOTHING, NOTHING, Amount(0.2e-3, 1.5e-3, 0.6)),
    correlation=(1.5, 5.0),
    bias=Amount(0.001, 0.015, 0.3),
    fat=0.3,
    ragged=Amount(0.2, 1.0, 0.7),
    dark=Amount(0.1, 0.9, 0.4),
    shiny=Amount(0.2, 1.0, 0.2),
    grazing=Amount(0.1, 0.9, 0.4),
    thin=Amount(0.1, 0.9, 0.3),
    edges=Amount(0.1, 0.6, 0.8),
    patches=Amount(0.002, 0.15, 0.4),
    edge_reach=1,
    patch_length=(2.0, 30.0),
    shadow=Amount(0.06, 0.09, 0.9),
    steps=Amount(0.5e-3, 3.0e-3, 0.9),
)
"""Kinect v1, Xtion, Astra."""

STEREO = FaultRanges(
    mixing=Mixing.ONE,
    noise=(NOTHING, NOTHING, Amount(0.3e-3, 3.5e-3, log=True)),
    correlated=(NOTHING, NOTHING, Amount(0.3e-3, 2.5e-3, 0.8)),
    correlation=(2.0, 8.0),
    bias=Amount(0.001, 0.015, 0.3),
    fat=0.5,
    ragged=Amount(0.2, 1.0, 0.5),
    dark=Amount(0.1, 0.5, 0.2),
    shiny=Amount(0.2, 1.0, 0.2),
    grazing=Amount(0.1, 0.6, 0.3),
    thin=Amount(0.1, 0.9, 0.5),
    edges=Amount(0.1, 0.6, 0.7),
    patches=Amount(0.005, 0.10, 0.5),
    edge_reach=1,
    patch_length=(2.0, 30.0),
    shadow=Amount(0.05, 0.10, 0.7),
    steps=Amount(0.3e-3, 2.0e-3, 0.8),
    smoothing={Smoothing.NONE: 0.5, Smoothing.MEDIAN: 0.2, Smoothing.BILATERAL: 0.3},
    filling={Filling.NONE: 0.6, Filling.NEAREST: 0.2, Filling.FARTHEST: 0.2},
)
"""RealSense D400, OAK-D, ZED."""

SMOOTHED = FaultRanges(
    noise=(Amount(0.0005, 0.004, log=True), Amount(0.0005, 0.005, log=True), NOTHING),
    bias=Amount(0.001, 0.02, 0.6),
    fat=0.15,
    smoothing={Smoothing.NONE: 0.2, Smoothing.MEDIAN: 0.3, Smoothing.BILATERAL: 0.5},
    filling={Filling.NONE: 0.2, Filling.NEAREST: 0.4, Filling.FARTHEST: 0.4},
    edges=Amount(0.1, 0.5, 0.3),
    units=(0.001, 0.0005),
)
"""A phone's LiDAR and whatever else arrives without holes."""


@dataclass(frozen=True)
class CameraRanges:
    """Everything that a training camera is drawn from.

    Attributes:
        geometry: see `GeometryRanges`.
        kinds: faults with the share of the crops that have them.
    """

    geometry: GeometryRanges = field(default_factory=GeometryRanges)
    kinds: tuple[tuple[FaultRanges, float], ...] = (
        (TIME_OF_FLIGHT, 0.45),
        (STRUCTURED_LIGHT, 0.2),
        (STEREO, 0.2),
        (SMOOTHED, 0.15),
    )

    def __post_init__(self) -> None:
        if not sum(share for _, share in self.kinds) > 0:
            raise ValueError("camera ranges: expected a share above 0 for at least one kind of sensor, found none")
