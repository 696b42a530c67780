"""How low-resolution depth is made from ground truth, by name.

A degradation is called with normalised depth (B, 1, H, W) and the scale and gives dense depth (B, 1, h, w); `observe`
gives it with its holes instead. One that draws random numbers takes them from the numpy generator that it is given, so
the same generator state gives the same result.

Names: a reduction (`bicubic`, `box`, `median`, `nearest`), DADA's mean of what is valid (`dada`), a camera (`kinect`,
`tof`), their mixture (`live`), what the node makes of aligned depth (`valid-median`), alone or with the measured noise
of a sensor (`training.degradation.measured`), or a reduction with steps behind it (`training.degradation.noise`), as in
`bicubic+gaussian:0.02+holes:0.05+quantise:255`.

What stands for a sensor is normalised as the node normalises a frame, by the range of the low-resolution depth itself
(`by_frame`); what the papers define is normalised by the ground truth's range, as they do.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from training.degradation.measured import VALID_MEDIAN, MeasuredSensor
from training.degradation.noise import STEPS
from training.degradation.observation import UNKNOWN_SCENE, Observation, Scene
from training.degradation.reduction import (
    REDUCTIONS,
    bicubic_down,
    box_down,
    masked_box_down,
    masked_median_down,
    median_down,
    nearest_down,
)
from training.degradation.sensor import KINECT, TIME_OF_FLIGHT

__all__ = [
    "DEGRADATIONS", "Degradation", "Observation", "Scene", "bicubic_down", "box_down", "by_frame", "degradation",
    "masked_box_down", "masked_median_down", "median_down", "nearest_down",
]  # fmt: skip


class Degradation(Protocol):
    """Makes low-resolution depth.

    Arguments of both ways: `depth`, (B, 1, H, W) normalised to [0, 1] and dense; `scale`; `rng`, needed by all but the
    plain reductions; `scene`, what is known of the image. Both raise ValueError where H or W is no multiple of the
    scale, where a generator is needed and missing, or where a step needs to know more of the scene.
    """

    def __call__(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Tensor:
        """Dense depth, (B, 1, h, w); holes are filled as at run time."""

    def observe(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Observation:
        """Depth with its holes."""


@dataclass(frozen=True)
class Chain:
    """A reduction and the steps after it, each with its amount."""

    reduction: str
    steps: tuple[tuple[str, float], ...] = ()

    def observe(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Observation:
        """See `Degradation`."""
        seen = Observation.complete(REDUCTIONS[self.reduction](depth, scale))
        for name, amount in self.steps:
            if rng is None:
                raise ValueError(f"{name} draws random numbers: expected a numpy Generator, found None")
            seen = STEPS[name](seen, amount, rng, scene)
        return seen

    def __call__(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Tensor:
        """See `Degradation`."""
        return self.observe(depth, scale, rng, scene).filled()


@dataclass(frozen=True)
class Mixture:
    """Draws one of several degradations per call; `parts` holds names and their shares."""

    parts: tuple[tuple[str, float], ...]

    def observe(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Observation:
        """See `Degradation`."""
        if rng is None:
            raise ValueError("a mixture draws random numbers: expected a numpy Generator, found None")
        shares = np.asarray([share for _, share in self.parts])
        name, _ = self.parts[rng.choice(len(self.parts), p=shares / shares.sum())]
        return degradation(name).observe(depth, scale, rng, scene)

    def __call__(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Tensor:
        """See `Degradation`."""
        return self.observe(depth, scale, rng, scene).filled()


@dataclass(frozen=True)
class ValidMeans:
    """Mean of each cell's valid pixels, as DADA makes its source; a cell without any is a hole."""

    def observe(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Observation:
        """See `Degradation`."""
        valid = torch.ones_like(depth) if scene.valid is None else scene.valid
        return Observation(*masked_box_down(depth, valid, scale))

    def __call__(
        self, depth: Tensor, scale: int, rng: np.random.Generator | None = None, scene: Scene = UNKNOWN_SCENE
    ) -> Tensor:
        """See `Degradation`."""
        return self.observe(depth, scale, rng, scene).filled()


_LIVE = {
    "kinect": 0.35,
    "tof": 0.25,
    **{f"{reduction}+gaussian:0.01+quantise:255+holes:0.05": 0.07 for reduction in ("bicubic", "box", "median")},
    **{reduction: share for reduction, share in (("bicubic", 0.06), ("box", 0.06), ("median", 0.07))},
}

DEGRADATIONS: dict[str, Degradation] = {
    **{name: Chain(name) for name in REDUCTIONS},
    "kinect": KINECT,
    "tof": TIME_OF_FLIGHT,
    "live": Mixture(tuple(_LIVE.items())),
    VALID_MEDIAN: MeasuredSensor(),
    "dada": ValidMeans(),
    # DKN's joint denoising: variance 0.005 at full resolution (scale 1)
    "dkn-noise": Chain("bicubic", (("gaussian", 0.005**0.5),)),
    # DAGF's joint super-resolution and denoising
    "dagf-noise": Chain("bicubic", (("gaussian", 5 / 255), ("clip", 1.0))),
}
"""Those with a name of their own."""

_CAMERAS = ("kinect", "tof", "live")
_SENSOR_STEPS = {"gaussian", "holes"}


def by_frame(name: str) -> bool:
    """Whether depth made this way stands for a sensor's.

    So do cameras, valid medians, and compositions with Gaussian noise or holes.
    """
    steps = {word.partition(":")[0] for word in name.split("+")[1:]}
    return name in _CAMERAS or name.partition(":")[0] == VALID_MEDIAN or bool(steps & _SENSOR_STEPS)


def degradation(name: str) -> Degradation:
    """A degradation by its own name, or composed from a reduction and steps.

    Raises:
        ValueError: unknown; the message lists what there is and proposes the nearest.
    """
    if name in DEGRADATIONS:
        return DEGRADATIONS[name]
    if name.startswith(f"{VALID_MEDIAN}:"):
        return MeasuredSensor.from_name(name)
    reduction, *words = name.split("+")
    if reduction not in REDUCTIONS or not words:
        raise ValueError(_unknown(name))
    return Chain(reduction, tuple(_step(word, name) for word in words))


def _step(word: str, name: str) -> tuple[str, float]:
    step, _, amount = word.partition(":")
    if step not in STEPS:
        raise ValueError(f"degradation {name!r}: unknown step {step!r}; expected one of {sorted(STEPS)}")
    try:
        return step, float(amount)
    except ValueError as error:
        raise ValueError(f"degradation {name!r}: expected a number behind {step!r}:, found {amount!r}") from error


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, DEGRADATIONS, n=1)
    return (
        f"degradation: expected one of {sorted(DEGRADATIONS)}, or a reduction with steps such as "
        f"'bicubic+gaussian:0.02', found {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    )
