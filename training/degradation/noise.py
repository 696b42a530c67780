"""Steps that follow a reduction: each takes an observation and gives another, with random numbers from one generator.

In a name they are written behind a plus sign, the one number they take behind a colon: `bicubic+gaussian:0.07`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.degradation.observation import Observation, Scene

Step = Callable[[Observation, float, np.random.Generator, Scene], Observation]
"""(observation, amount, generator, scene) -> observation."""


def normal(rng: np.random.Generator, like: Tensor) -> Tensor:
    """Standard normal numbers of the shape, type and device of a tensor."""
    return torch.from_numpy(rng.standard_normal(like.shape, dtype=np.float32)).to(like)


def gaussian(seen: Observation, std: float, rng: np.random.Generator, scene: Scene) -> Observation:
    """Gaussian noise of one standard deviation on the normalised map."""
    return Observation(seen.depth + std * normal(rng, seen.depth), seen.valid)


def clipped(seen: Observation, limit: float, rng: np.random.Generator, scene: Scene) -> Observation:
    """Cuts values to [0, limit], as DAGF does after adding noise."""
    return Observation(seen.depth.clamp(0, limit), seen.valid)


def proportional(seen: Observation, sigma: float, rng: np.random.Generator, scene: Scene) -> Observation:
    """JIIF eq. 11 on depth: standard deviation sigma times depth; 0.04 on NYU v2 in metres.

    Raises:
        ValueError: the scene does not know what normalised 0 and 1 stand for.
    """
    low, high = _span(scene, "proportional")
    value = low + seen.depth * (high - low)
    return Observation(seen.depth + sigma * value * normal(rng, value) / (high - low), seen.valid)


def inverse(seen: Observation, sigma: float, rng: np.random.Generator, scene: Scene) -> Observation:
    """JIIF eq. 11 on disparity: standard deviation sigma over disparity; 651 on Middlebury.

    Raises as `proportional` does.
    """
    low, high = _span(scene, "inverse")
    value = low + seen.depth * (high - low)
    return Observation(seen.depth + sigma / (value + 1e-5) * normal(rng, value) / (high - low), seen.valid)


def quantised(seen: Observation, levels: float, rng: np.random.Generator, scene: Scene) -> Observation:
    """Rounds to a number of steps over the normalised range."""
    return Observation((seen.depth * levels).round() / levels, seen.valid)


def holes(seen: Observation, share: float, rng: np.random.Generator, scene: Scene) -> Observation:
    """Random blobs without a measurement, of about the given share of the cells."""
    return Observation(seen.depth, seen.valid * (1 - blobs(rng, seen.depth, [share] * seen.depth.shape[0])))


def blobs(rng: np.random.Generator, like: Tensor, shares: Sequence[float]) -> Tensor:
    """1.0 inside random blobs of three or four cells, of the shape of `like`; `shares` are per image."""
    batch, _, height, width = like.shape
    coarse = rng.standard_normal((batch, 1, math.ceil(height / 3) + 1, math.ceil(width / 3) + 1), dtype=np.float32)
    smooth = F.interpolate(torch.from_numpy(coarse).to(like), size=(height, width), mode="bilinear")
    field = smooth + 0.3 * normal(rng, like)
    masks = [_largest(image, share) for image, share in zip(field, shares, strict=True)]
    return torch.stack(masks).to(like)


def _largest(field: Tensor, share: float) -> Tensor:
    count = round(share * field.numel())
    if count <= 0:
        return torch.zeros_like(field)
    return (field >= field.flatten().topk(min(count, field.numel())).values[-1]).to(field)


def _span(scene: Scene, step: str) -> tuple[float, float]:
    if scene.span is None or scene.span[0] == scene.span[1]:
        raise ValueError(
            f"{step}: expected the values that normalised depth represents, found {scene.span}; crops "
            "that are inverted or remapped lost them (set `invert` and `reciprocal` to 0), flat ones have one alone"
        )
    return scene.span


STEPS: dict[str, Step] = {
    "gaussian": gaussian,
    "clip": clipped,
    "proportional": proportional,
    "inverse": inverse,
    "quantise": quantised,
    "holes": holes,
}
"""By the names used in a composition."""
