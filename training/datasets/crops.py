"""Random training crops: colour, normalised depth at both resolutions, and a mask of real ground truth.

Crop number i depends on the seed and on i alone, not on the crops drawn before it nor on the process or worker that
draws it. This is what lets a run be resumed exactly, and be shared by processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from training.datasets.augmentation import (
    FLIPS,
    Depth,
    Guide,
    Mask,
    cut,
    enlarge,
    flip,
    jitter_colour,
    remap_depth,
)
from training.datasets.coarse import scene_of
from training.datasets.pairs import Pair
from training.datasets.sources import PairSource
from training.degradation import Observation, Scene, by_frame, degradation

# a crop with less relief than this many quantisation steps is mostly staircase once it is normalised
_MIN_RELIEF = 12
_MAX_DRAWS = 1000


@dataclass(frozen=True)
class CropOptions:
    """How crops are drawn.

    Attributes:
        size: side of the square crop, or height of one that is not square; pixels.
        width: its width; 0 makes it square.
        scale: ratio of the two resolutions.
        enlargements: factors by which a smaller crop is enlarged first, drawn with equal chance.
        colour_jitter: share of crops with random gain per channel and gamma.
        invert: share of crops with depth mirrored, d -> 1 - d.
        reciprocal: share of crops remapped by d -> 1 / (d + c), as between disparity and metric depth.
        rotation: largest angle by which a crop is turned, degrees.
        flips: `all` eight flips and transposes, `mirror` (left-right and top-bottom), or `none`.
        valid_share: least share of pixels with ground truth.
        whole_range: share of crops normalised by the range of their whole image, as at test time; the others are
            normalised by their own.
        degradations: share of crops per way of making low-resolution depth, by name, see `training.degradation`.
        scales: smallest and largest scale where it is drawn anew for every batch, as real numbers; None keeps `scale`.
            Then depth is reduced by bicubic to the side that comes nearest.
        windows: places of an image that are looked at for each crop; the one with the most relief inside cells, which
            is where reduced depth has lost something, is taken. Most of an image is smooth and teaches little.
        batch_size: crops that share a scale.
    """

    size: int = 256
    width: int = 0
    scale: int = 8
    enlargements: Sequence[float] = (1.0, 1.5, 2.0)
    colour_jitter: float = 0.5
    invert: float = 0.2
    reciprocal: float = 0.2
    rotation: float = 0.0
    flips: str = "all"
    valid_share: float = 0.5
    whole_range: float = 0.0
    degradations: Mapping[str, float] = field(default_factory=lambda: {"bicubic": 1.0})
    scales: tuple[float, float] | None = None
    windows: int = 1
    batch_size: int = 1

    def __post_init__(self) -> None:
        if self.windows < 1:
            raise ValueError(f"windows: expected at least 1, found {self.windows}")
        if not self.degradations:
            raise ValueError("degradations: expected a share for at least one, found none")
        for name in self.degradations:
            degradation(name)
        if not sum(self.degradations.values()) > 0:
            raise ValueError(f"degradations: expected a share above 0 for at least one of {sorted(self.degradations)}")
        if self.flips not in FLIPS or (self.flips == "all" and self.shape[0] != self.shape[1]):
            raise ValueError(f"flips: expected one of {FLIPS}, `all` for square crops only, found {self.flips!r}")
        if self.scales is None:
            return
        if self.shape[0] != self.shape[1]:
            raise ValueError(
                f"scales: only square crops are reduced by any scale, found {self.shape[0]}x{self.shape[1]}; leave "
                "`width` out"
            )
        if not 1 <= self.scales[0] <= self.scales[1] <= self.size / 4:
            raise ValueError(f"scales: expected two numbers from 1 to {self.size / 4:g}, found {self.scales}")
        if set(self.degradations) != {"bicubic"}:
            raise ValueError(f"scales: only bicubic reduces by any scale, found {sorted(self.degradations)}")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a crop."""
        return self.size, self.width or self.size


class RandomCrops(Dataset[dict[str, Tensor]]):
    """Crops by number; every number has one.

    Each item holds `guide` (3, H, W) RGB in [0, 1]; `target` (1, H, W), min-max normalised; `depth_lr`
    (1, H / scale, W / scale), its reduction, made dense; `valid_lr`, of the same shape, 1.0 where that was measured;
    `valid` (1, H, W), 1.0 where `target` is real ground truth; `number` (), that of the crop.

    Where low-resolution depth stands for a sensor's, both maps are normalised by its range instead, as the frame graph
    does, and `target` may leave [0, 1].

    Args:
        source: where the images come from.
        options: see `CropOptions`.
        seed: fixes all crops.
    """

    def __init__(self, source: PairSource, options: CropOptions, seed: int = 0) -> None:
        self.source = source
        self.options = options
        self.seed = seed
        shares = np.asarray(list(options.degradations.values()), dtype=np.float64)
        self.names, self.chance = list(options.degradations), shares / shares.sum()

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """The crop of that number.

        Raises:
            ValueError: place after place had too little ground truth or relief.
        """
        rng = np.random.default_rng([self.seed, number])
        for _ in range(_MAX_DRAWS):
            crop = self._draw(rng, number)
            if crop is not None:
                return crop
        height, width = self.options.shape
        raise ValueError(
            f"no usable crop of {height}x{width} px in {_MAX_DRAWS} draws: expected ground truth at "
            f"{self.options.valid_share:.0%} of the pixels and relief of {_MIN_RELIEF} quantisation steps; choose "
            "smaller crops or other images"
        )

    def _draw(self, rng: np.random.Generator, number: int) -> dict[str, Tensor] | None:
        """One crop, or None where the place drawn has too little ground truth or no relief."""
        options = self.options
        pair = self.source.draw(rng)
        window, angle = _window(pair, options, rng), rng.uniform(-options.rotation, options.rotation)
        rgb, target, valid = cut(pair.rgb, pair.target, pair.valid, window, angle)
        if valid.mean() < options.valid_share or not valid.any():
            return None
        rgb, target, valid = enlarge(rgb, target, valid, options.shape)
        low, high = float(target[valid].min()), float(target[valid].max())
        if high - low < _MIN_RELIEF * pair.entry.quantum:
            return None
        if rng.random() < options.whole_range:
            # holes are filled with valid values, so these are those of the ground truth
            low, high = float(pair.target.min()), float(pair.target.max())
        target = np.clip((target - low) / (high - low), 0, 1)
        remapped = remap_depth(target, valid, options.invert, options.reciprocal, rng)
        guide: Guide = (rgb / np.float32(255)).astype(np.float32)
        if rng.random() < options.colour_jitter:
            guide = jitter_colour(guide, rng)
        plain = remapped is target
        mirrored = pair.entry.kind == "depth"  # either remapping turns the axis round
        crop = _to_tensors(*flip(guide, remapped, valid, options.flips, rng))
        colour, known = crop["guide"][None], crop["valid"][None]
        scene = Scene(guide=colour, near_is_one=mirrored, valid=known)
        if plain:
            scene = scene_of(pair.entry, low, high, colour, known)
        return {**crop, **self._reduced(crop["target"][None], scene, rng, number), "number": torch.tensor(number)}

    def _reduced(self, target: Tensor, scene: Scene, rng: np.random.Generator, number: int) -> dict[str, Tensor]:
        """`target`, `depth_lr` and `valid_lr` of a crop from its target (1, 1, H, W)."""
        if self.options.scales is not None:
            seen = Observation.complete(resize_bicubic(target, (self.side_of(number),) * 2))
        else:
            name = self.names[rng.choice(len(self.names), p=self.chance)]
            seen = degradation(name).observe(target, self.options.scale, rng, scene)
            if by_frame(name):
                seen, low, span = seen.as_frame()
                target = (target - low) / span
        return {"target": target[0], "depth_lr": seen.filled()[0], "valid_lr": seen.valid[0]}

    def side_of(self, number: int) -> int:
        """Side of the low-resolution depth of the batch that a crop belongs to; scales are drawn uniformly."""
        options = self.options
        if options.scales is None:
            return options.size // options.scale
        rng = np.random.default_rng([self.seed, number // options.batch_size, 1])
        return round(options.size / rng.uniform(*options.scales))


def _to_tensors(guide: Guide, target: Depth, valid: Mask) -> dict[str, Tensor]:
    return {
        "guide": torch.from_numpy(np.ascontiguousarray(guide.transpose(2, 0, 1), dtype=np.float32)),
        "target": torch.from_numpy(np.ascontiguousarray(target, dtype=np.float32))[None],
        "valid": torch.from_numpy(np.ascontiguousarray(valid)).float()[None],
    }


def _window(pair: Pair, options: CropOptions, rng: np.random.Generator) -> tuple[slice, slice]:
    """The largest window of the crop's shape that enlarges by no less than the factor drawn and fits the image.

    Of `options.windows` places for it, the one with the most relief inside cells.
    """
    factor = float(rng.choice(np.asarray(options.enlargements)))
    factor = max(factor, *(side / whole for side, whole in zip(options.shape, pair.target.shape, strict=True)))
    places = [_place(pair, options, factor, rng) for _ in range(options.windows)]
    if len(places) == 1:
        return places[0]
    cell = max(2, round(options.scale / factor))
    return max(places, key=lambda place: _relief_in_cells(pair.target[place], cell))


def _place(pair: Pair, options: CropOptions, factor: float, rng: np.random.Generator) -> tuple[slice, slice]:
    return tuple(  # type: ignore[return-value]
        slice(first := int(rng.integers(whole - round(side / factor) + 1)), first + round(side / factor))
        for side, whole in zip(options.shape, pair.target.shape, strict=True)
    )


def _relief_in_cells(target: Depth, cell: int) -> float:
    """Mean over the cells of the square of what depth spans within each."""
    rows, columns = (side // cell for side in target.shape)
    cells = target[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell)
    return float(np.square(cells.max(axis=(1, 3)) - cells.min(axis=(1, 3))).mean())
