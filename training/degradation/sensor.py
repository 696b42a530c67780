"""Coarse depth as structured-light and time-of-flight cameras deliver it.

Normalised depth is read as metres, 1 being far (the other way round where the scene says so): the scene's own range
where it is known, else one drawn at random, so that noise which grows with distance is seen at every strength. In
order: cells are displaced sideways (edges become ragged), reduced (edges mix), some cells at edges fly between the two
surfaces, noise along the ray grows with depth, values are quantised, and cells without a measurement appear: in the
shadow on the far side of an edge, in blobs, in the dark and far away. Filling them is the caller's:
`Observation.filled` does it as at run time.

Magnitudes of the structured-light camera: K. Khoshelham, S. O. Elberink, "Accuracy and Resolution of Kinect Depth
Data", Sensors 2012 (quantisation, growing with the square of depth); C. Nguyen, S. Izadi, D. Lovell, "Modeling Kinect
Sensor Noise", 3DIMPVT 2012 (axial 1.2 mm + 1.9 mm (z - 0.4 m)^2, lateral 0.8 px).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.degradation.noise import blobs, normal
from training.degradation.observation import UNKNOWN_SCENE, Observation, Scene
from training.degradation.reduction import REDUCTIONS, box_down

Range = tuple[float, float]

# depth range of a scene that nobody knows: its near end in metres, and the far end as a multiple of it
_NEAR, _FAR_OVER_NEAR = (0.5, 2.5), (1.3, 5.0)
# an edge is where a cell lies this share of its depth nearer or farther than the middle of its neighbourhood's extremes
EDGE = 0.04
# structured light: disparity in pixels is this over depth in metres (580 px times 7.5 cm), in steps of 1/8 px
_KINECT_DISPARITY, _KINECT_STEP = 43.5, 0.125


@dataclass(frozen=True)
class SensorModel:
    """What a kind of camera does to depth; each pair is a range from which an image's own value is drawn.

    Attributes:
        reductions: names of the reductions it may act by, with equal chance.
        axial: noise along the ray in metres, for depth in metres.
        strength: factor of that noise; cells that stand for many sensor pixels are less noisy than these.
        quantise: rounds metres as the camera does.
        lateral: standard deviation of the sideways displacement of cells, in cells.
        flying: share of the cells at edges that fly.
        shadow: share of the cells on the far side of an edge that are holes.
        blob: share of all cells that are holes in blobs.
        dark: share of dark cells that are holes.
        reach: metres beyond which nothing returns.
    """

    reductions: tuple[str, ...]
    axial: Callable[[Tensor], Tensor]
    strength: Range
    quantise: Callable[[Tensor], Tensor]
    lateral: Range
    flying: Range
    shadow: Range
    blob: Range
    dark: Range
    reach: Range

    def observe(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Observation:
        """Coarse depth with holes from normalised dense depth (B, 1, H, W).

        Raises:
            ValueError: no generator, or height or width is no multiple of the scale.
        """
        if rng is None:
            raise ValueError("a sensor model draws random numbers: expected a numpy Generator, found None")
        if scene.near_is_one:
            mirrored = self.observe(1 - depth, scale, rng, replace(scene, near_is_one=False, metric=False))
            return Observation(1 - mirrored.depth, mirrored.valid)
        low, high = metres_at_ends(scene, depth, rng)
        reduction = REDUCTIONS[self.reductions[rng.integers(len(self.reductions))]]
        displaced = _displaced(depth, scale, self._draw(self.lateral, depth, rng), rng)
        metres = (low + (high - low) * reduction(displaced, scale)).clamp(min=0.1)
        near, far = neighbourhood(metres)
        # on a slope the nearest and the farthest neighbour are equally far off, at an edge they are not
        behind = (2 * metres - near - far) / metres
        at_edge = (behind.abs() > EDGE).to(metres)
        flies = at_edge * chance(rng, metres, self._draw(self.flying, metres, rng))
        metres = torch.lerp(metres, torch.lerp(near, far, _uniform(rng, metres)), flies)
        noise = self._draw(self.strength, metres, rng) * self.axial(metres) * normal(rng, metres)
        seen = self.quantise((metres + noise).clamp(min=0.1))
        valid = self._valid(metres, (behind > EDGE).to(metres), scale, rng, scene)
        return Observation((seen - low) / (high - low), valid)

    def __call__(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Tensor:
        """As `observe`, holes filled."""
        return self.observe(depth, scale, rng, scene).filled()

    def _valid(self, metres: Tensor, behind: Tensor, scale: int, rng: np.random.Generator, scene: Scene) -> Tensor:
        """1.0 where there is a measurement; an image that would lose more than half of its cells keeps them all."""
        lost = behind * chance(rng, metres, self._draw(self.shadow, metres, rng))
        shares = [float(rng.uniform(*self.blob)) for _ in range(metres.shape[0])]
        lost = torch.maximum(lost, blobs(rng, metres, shares))
        reach = self._draw(self.reach, metres, rng)
        lost = torch.maximum(lost, chance(rng, metres, ((metres - reach) / (0.2 * reach)).clamp(0, 1)))
        dark = self._draw(self.dark, metres, rng)
        if scene.guide is not None:
            brightness = box_down(scene.guide.mean(dim=1, keepdim=True).to(metres), scale)
            lost = torch.maximum(lost, chance(rng, metres, dark * (1 - brightness / 0.15).clamp(0, 1)))
        mostly_lost = (lost.mean(dim=(1, 2, 3), keepdim=True) > 0.5).to(lost)
        return 1 - lost * (1 - mostly_lost)

    @staticmethod
    def _draw(of: Range, like: Tensor, rng: np.random.Generator) -> Tensor:
        """One value per image, (B, 1, 1, 1)."""
        return torch.from_numpy(rng.uniform(*of, size=(like.shape[0], 1, 1, 1)).astype(np.float32)).to(like)


def metres_at_ends(scene: Scene, depth: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Metres at normalised 0 and 1, each (B, 1, 1, 1)."""
    if scene.metric and scene.span is not None:
        low, high = (torch.full((depth.shape[0], 1, 1, 1), value).to(depth) for value in scene.span)
        return low, high
    near = _log_uniform(_NEAR, depth, rng)
    return near, near * _log_uniform(_FAR_OVER_NEAR, depth, rng)


def _log_uniform(of: Range, like: Tensor, rng: np.random.Generator) -> Tensor:
    """One value per image, (B, 1, 1, 1), its logarithm uniform."""
    drawn = np.exp(rng.uniform(math.log(of[0]), math.log(of[1]), size=(like.shape[0], 1, 1, 1)))
    return torch.from_numpy(drawn).to(like)


def _displaced(depth: Tensor, scale: int, std: Tensor, rng: np.random.Generator) -> Tensor:
    """Moves each cell's content by a random whole number of pixels, (B, 1, H, W)."""
    batch, _, height, width = depth.shape
    if height % scale or width % scale:
        raise ValueError(f"depth: height and width must be multiples of {scale}, found {height}x{width}")
    cells = depth.new_empty(2, batch, height // scale, width // scale)
    shift = (normal(rng, cells) * std[:, 0] * scale).round().long()
    shift = shift.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    rows = (torch.arange(height, device=depth.device)[:, None] + shift[0]).clamp(0, height - 1)
    columns = (torch.arange(width, device=depth.device)[None, :] + shift[1]).clamp(0, width - 1)
    image = torch.arange(batch, device=depth.device)[:, None, None]
    return depth[image, 0, rows, columns][:, None]


def neighbourhood(metres: Tensor) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of the 3x3 cells around each."""
    padded = F.pad(metres, (1, 1, 1, 1), mode="replicate")
    return -F.max_pool2d(-padded, 3, stride=1), F.max_pool2d(padded, 3, stride=1)


def _uniform(rng: np.random.Generator, like: Tensor) -> Tensor:
    return torch.from_numpy(rng.random(like.shape, dtype=np.float32)).to(like)


def chance(rng: np.random.Generator, like: Tensor, probability: Tensor) -> Tensor:
    """1.0 with a probability per cell or per image."""
    return (_uniform(rng, like) < probability).to(like)


def _structured_light(metres: Tensor) -> Tensor:
    return 0.0012 + 0.0019 * (metres - 0.4) ** 2


def _disparity_steps(metres: Tensor) -> Tensor:
    steps = (_KINECT_DISPARITY / metres / _KINECT_STEP).round().clamp(min=1)
    return _KINECT_DISPARITY / (steps * _KINECT_STEP)


def _time_of_flight(metres: Tensor) -> Tensor:
    return 0.002 + 0.006 * metres


def _millimetres(metres: Tensor) -> Tensor:
    return (metres * 1000).round() / 1000


KINECT = SensorModel(
    reductions=("median", "box", "bicubic"),
    axial=_structured_light,
    strength=(0.2, 1.5),
    quantise=_disparity_steps,
    lateral=(0.0, 0.3),
    flying=(0.0, 0.05),
    shadow=(0.0, 0.5),
    blob=(0.0, 0.06),
    dark=(0.0, 0.7),
    reach=(4.0, 8.0),
)
"""Structured light: Kinect v1, Xtion."""

TIME_OF_FLIGHT = SensorModel(
    reductions=("box", "bicubic"),
    axial=_time_of_flight,
    strength=(0.2, 2.0),
    quantise=_millimetres,
    lateral=(0.0, 0.15),
    flying=(0.0, 0.3),
    shadow=(0.0, 0.15),
    blob=(0.0, 0.03),
    dark=(0.0, 0.9),
    reach=(5.0, 9.0),
)
"""Time of flight: Kinect v2, Azure Kinect, ToFMark's."""
