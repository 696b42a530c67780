"""A sensor's own depth reduced as the node reduces it, with the noise that was measured in its recordings.

Cells are the lower medians of their valid pixels, and holes where there are too few. Behind that comes, where numbers
are given, what `training.retraining.noise` measures: noise along the ray of a standard deviation that grows with the
square of depth, and cells that are lost, more often at depth edges. In a name the four numbers stand behind colons, as
in `valid-median:0.0012:0.0019:0.2:0.02`: metres, metres per square metre, share of cells at edges, of the others.

Where nobody knows what normalised depth stands for, a range in metres is drawn, as the camera models do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from training.degradation.noise import blobs, normal
from training.degradation.observation import UNKNOWN_SCENE, Observation, Scene
from training.degradation.reduction import masked_median_down
from training.degradation.sensor import EDGE, chance, metres_at_ends, neighbourhood

VALID_MEDIAN = "valid-median"
"""Name of the reduction, and what the names of measured sensors begin with."""


@dataclass(frozen=True)
class MeasuredSensor:
    """Medians of valid pixels, then measured noise. All zero: the medians alone.

    Attributes:
        constant: standard deviation of the noise at distance zero, metres.
        quadratic: what it grows by with the square of depth: its value at one metre.
        lost_at_edges: share of the cells at depth edges without a measurement.
        lost_elsewhere: share of the other cells without one, in blobs.
    """

    constant: float = 0.0
    quadratic: float = 0.0
    lost_at_edges: float = 0.0
    lost_elsewhere: float = 0.0

    def __post_init__(self) -> None:
        if min(self.constant, self.quadratic) < 0 or not all(
            0 <= share <= 1 for share in (self.lost_at_edges, self.lost_elsewhere)
        ):
            raise ValueError(f"{VALID_MEDIAN}: expected noise of 0 or more and shares from 0 to 1, found {self}")

    @classmethod
    def from_name(cls, name: str) -> MeasuredSensor:
        """The sensor of a name with its four numbers. Raises ValueError for anything else."""
        try:
            return cls(*(float(word) for word in name.split(":")[1:]))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"degradation {name!r}: expected four numbers as in {VALID_MEDIAN}:0.0012:0.0019:0.2:0.02; {error}"
            ) from error

    @property
    def name(self) -> str:
        """The name by which `training.degradation.degradation` finds it."""
        numbers = (self.constant, self.quadratic, self.lost_at_edges, self.lost_elsewhere)
        return ":".join([VALID_MEDIAN, *(f"{number:.4g}" for number in numbers)]) if any(numbers) else VALID_MEDIAN

    def sigma(self, metres: Tensor) -> Tensor:
        """Standard deviation of the noise at a depth, both in metres."""
        return self.constant + self.quadratic * metres**2

    def observe(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Observation:
        """Coarse depth with holes from normalised depth (B, 1, H, W).

        Raises:
            ValueError: height or width is no multiple of the scale, or noise without a generator.
        """
        valid = torch.ones_like(depth) if scene.valid is None else scene.valid
        seen = Observation(*masked_median_down(depth, valid.to(depth), scale))
        if self == MeasuredSensor():
            return seen
        if rng is None:
            raise ValueError("a measured sensor draws random numbers: expected a numpy Generator, found None")
        return self._noisy(seen, rng, scene)

    def __call__(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Tensor:
        """As `observe`, holes filled."""
        return self.observe(depth, scale, rng, scene).filled()

    def _noisy(self, seen: Observation, rng: np.random.Generator, scene: Scene) -> Observation:
        if scene.near_is_one:
            far_is_one = replace(scene, near_is_one=False, metric=False)
            mirrored = self._noisy(Observation(1 - seen.depth, seen.valid), rng, far_is_one)
            return Observation(1 - mirrored.depth, mirrored.valid)
        low, high = metres_at_ends(scene, seen.depth, rng)
        metres = (low + (high - low) * seen.filled()).clamp(min=0.1)
        noisy = metres + self.sigma(metres) * normal(rng, metres)
        near, far = neighbourhood(metres)
        # on a slope the nearest and the farthest neighbour are equally far off, at an edge they are not
        at_edge = ((2 * metres - near - far).abs() / metres > EDGE).to(metres)
        lost = at_edge * chance(rng, metres, torch.full_like(metres, self.lost_at_edges))
        lost = torch.maximum(lost, blobs(rng, metres, [self.lost_elsewhere] * metres.shape[0]))
        kept = seen.valid * (1 - lost)
        # a crop that would lose nearly everything keeps what it had
        some = (kept.mean(dim=(1, 2, 3), keepdim=True) > 0.25).to(kept)
        return Observation((noisy - low) / (high - low), kept * some + seen.valid * (1 - some))
