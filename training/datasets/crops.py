"""Endless random training crops: colour, normalised depth at both resolutions, and a mask of real ground truth.

The augmentation follows what worked on few real scenes: enlargement (small images stand in for large ones), flips and
transposes, colour gain and gamma, and remapping of the depth axis, since disparity and metric depth both occur.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from training.datasets.pairs import Pair
from training.degradation import DEGRADATIONS

# a crop with less relief than this many quantisation steps is mostly staircase once it is normalised
_MIN_RELIEF = 12


@dataclass(frozen=True)
class CropOptions:
    """How crops are drawn.

    Attributes:
        size: side of the square crop, pixels.
        scale: ratio of the two resolutions.
        enlargements: factors by which a smaller crop is enlarged first, drawn with equal chance.
        colour_jitter: share of crops with random gain per channel and gamma.
        invert: share of crops with depth mirrored, d -> 1 - d.
        reciprocal: share of crops remapped by d -> 1 / (d + c), as between disparity and metric depth.
        degradations: share of crops per way of making low-resolution depth, by `training.degradation.DEGRADATIONS`.
    """

    size: int = 256
    scale: int = 8
    enlargements: Sequence[float] = (1.0, 1.5, 2.0)
    colour_jitter: float = 0.5
    invert: float = 0.2
    reciprocal: float = 0.2
    degradations: Mapping[str, float] = field(default_factory=lambda: {"bicubic": 1.0})

    def __post_init__(self) -> None:
        unknown = set(self.degradations) - set(DEGRADATIONS)
        if unknown or not self.degradations:
            found = dict(self.degradations)
            raise ValueError(f"degradations: expected shares of {sorted(DEGRADATIONS)}, found {found}")


class RandomCrops(IterableDataset[dict[str, Tensor]]):
    """Yields single crops without end.

    Each item holds `guide` (3, S, S) RGB in [0, 1]; `target` (1, S, S), min-max normalised; `depth_lr`
    (1, S / scale, S / scale), its reduction; `valid` (1, S, S), 1.0 where `target` is real ground truth.

    Args:
        pairs: the loaded images.
        weights: relative chance of each pair.
        options: see `CropOptions`.
        seed: numbers that fix the sequence, together with the worker's own.
    """

    def __init__(
        self, pairs: Sequence[Pair], weights: Sequence[float], options: CropOptions, seed: Sequence[int] = (0,)
    ) -> None:
        if len(pairs) != len(weights) or not pairs:
            raise ValueError(f"expected one weight per pair, found {len(pairs)} pairs and {len(weights)} weights")
        self.pairs = list(pairs)
        self.chance = np.asarray(weights, dtype=np.float64) / np.sum(weights)
        self.options = options
        self.seed = seed

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self.seed, worker.id if worker else 0])
        cv2.setNumThreads(1)
        while True:
            crop = self._draw(rng)
            if crop is not None:
                yield crop

    def _draw(self, rng: np.random.Generator) -> dict[str, Tensor] | None:
        """One crop, or None where the place drawn has too little ground truth or no relief."""
        options = self.options
        pair = self.pairs[rng.choice(len(self.pairs), p=self.chance)]
        factor = float(rng.choice(np.asarray(options.enlargements)))
        side = min(round(options.size / factor), *pair.target.shape)
        top = rng.integers(pair.target.shape[0] - side + 1)
        left = rng.integers(pair.target.shape[1] - side + 1)
        window = np.s_[top : top + side, left : left + side]
        rgb, target, valid = pair.rgb[window], pair.target[window], pair.valid[window]
        if valid.mean() < 0.5:
            return None
        rgb, target, valid = _enlarge(rgb, target, valid, options.size)
        low, high = float(target[valid].min()), float(target[valid].max())
        if high - low < _MIN_RELIEF * pair.entry.quantum:
            return None
        target = np.clip((target - low) / (high - low), 0, 1)
        target = _remap_depth(target, valid, options, rng)
        guide: NDArray[np.float32] = (rgb / np.float32(255)).astype(np.float32)
        if rng.random() < options.colour_jitter:
            guide = _jitter(guide, rng)
        names, shares = list(options.degradations), np.asarray(list(options.degradations.values()))
        degradation = names[rng.choice(len(names), p=shares / shares.sum())]
        return self._to_tensors(*_flip(guide, target, valid, rng), degradation)

    def _to_tensors(
        self, guide: NDArray[np.float32], target: NDArray[np.float32], valid: NDArray[np.bool_], degradation: str
    ) -> dict[str, Tensor]:
        full = torch.from_numpy(np.ascontiguousarray(target, dtype=np.float32))[None]
        return {
            "guide": torch.from_numpy(np.ascontiguousarray(guide.transpose(2, 0, 1), dtype=np.float32)),
            "target": full,
            "depth_lr": DEGRADATIONS[degradation](full[None], self.options.scale)[0],
            "valid": torch.from_numpy(np.ascontiguousarray(valid)).float()[None],
        }


def _enlarge(
    rgb: NDArray[np.uint8], target: NDArray[np.float32], valid: NDArray[np.bool_], size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
    if target.shape == (size, size):
        return rgb, target, valid
    shape = (size, size)
    larger = cv2.resize(np.ascontiguousarray(valid).astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)
    colour = cv2.resize(rgb, shape, interpolation=cv2.INTER_CUBIC)
    return np.asarray(colour, np.uint8), _enlarge_depth(target, shape), larger.astype(bool)


def _enlarge_depth(target: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Linear on surfaces; at depth edges the nearer side, which keeps them sharp and their outline smooth."""
    target = np.ascontiguousarray(target)
    smooth = cv2.resize(target, shape, interpolation=cv2.INTER_LINEAR)
    three = np.ones((3, 3), np.uint8)
    low = cv2.resize(cv2.erode(target, three), shape, interpolation=cv2.INTER_NEAREST)
    high = cv2.resize(cv2.dilate(target, three), shape, interpolation=cv2.INTER_NEAREST)
    edge = (high - low) > 0.05 * (float(target.max()) - float(target.min()))
    side = np.where(smooth - low < high - smooth, low, high)
    return np.where(edge, side, smooth).astype(np.float32)


def _remap_depth(
    target: NDArray[np.float32], valid: NDArray[np.bool_], options: CropOptions, rng: np.random.Generator
) -> NDArray[np.float32]:
    draw = rng.random()
    if draw < options.invert:
        return 1 - target
    if draw < options.invert + options.reciprocal:
        nearness = 1 / (target + np.exp(rng.uniform(np.log(0.2), np.log(2.0))))
        low, high = nearness[valid].min(), nearness[valid].max()
        return ((nearness - low) / (high - low)).astype(np.float32)
    return target


def _jitter(guide: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, size=3)
    gamma = np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
    return np.clip(np.clip(guide * gain, 0, 1) ** gamma, 0, 1).astype(np.float32)


def _flip(
    guide: NDArray[np.float32], target: NDArray[np.float32], valid: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    turns = rng.integers(2, size=3)
    if turns[0]:
        guide, target, valid = guide[::-1], target[::-1], valid[::-1]
    if turns[1]:
        guide, target, valid = guide[:, ::-1], target[:, ::-1], valid[:, ::-1]
    if turns[2]:
        guide, target, valid = guide.swapaxes(0, 1), target.swapaxes(0, 1), valid.swapaxes(0, 1)
    return guide, target, valid
