"""Evaluation during training: the error on images of the dev split, relative to bicubic up-sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic
from training.datasets.coarse import scene_of
from training.datasets.pairs import Pair, PairEntry, value_range
from training.degradation import by_frame, degradation
from training.distributed import Processes, gathered
from training.metrics import rmse
from training.recipe import DevOptions
from training.validity import ask

Method = Callable[..., Tensor]
"""(guide (1, 3, H, W), depth_lr (1, 1, h, w)) -> depth (1, 1, H, W), all normalised; see also `training.validity`."""

# bicubic's error, in normalised depth, below which it is rounding: nothing can be said relative to it
_NO_ERROR = 1e-6


@dataclass(frozen=True)
class DevImage:
    """One image to evaluate on; all tensors have a batch of one, depth is normalised by the whole image's range.

    Attributes:
        entry: where it comes from.
        guide: (1, 3, H, W).
        target: (1, 1, H, W), ground truth, filled in holes.
        valid: (1, 1, H, W), bool.
        span: values that normalised 0 and 1 stand for.
    """

    entry: PairEntry
    guide: Tensor
    target: Tensor
    valid: Tensor
    span: tuple[float, float]


@dataclass(frozen=True)
class Sample:
    """What is drawn of an image: colour, input, result and truth, normalised like the truth, with a batch of one."""

    name: str
    guide: Tensor
    depth_lr: Tensor
    result: Tensor
    target: Tensor


class DevEvaluation:
    """Evaluates on the same images and the same noise every time.

    In a run of several processes each takes some of the images; all get the result of all.

    Args:
        pairs: what to evaluate on.
        scale: ratio of the two resolutions.
        multiple: sides are cut to multiples of this (and of the scale), at the bottom and on the right.
        options: the recipe's.
    """

    def __init__(self, pairs: Sequence[Pair], scale: int, multiple: int, options: DevOptions) -> None:
        self.scale = scale
        self.pictures = options.pictures
        self.images = [_prepared(pair, math.lcm(scale, multiple), options.side) for pair in pairs]

    def __deepcopy__(self, memo: object) -> DevEvaluation:
        """Itself: a copy of the module, as for the running average of its weights, shares the images."""
        return self

    @torch.no_grad()
    def __call__(self, method: Method, name: str) -> tuple[dict[str, float], list[Sample]]:
        """Scores a method under a degradation.

        Depth that stands for a sensor's is normalised by its own range, and results are kept within it, as the frame
        graph does both.

        Returns:
            Means over the images of `rmse` (in the ground truth's unit) and `ratio` (error relative to bicubic; of the
            images on which bicubic makes any), and samples to draw, of this process's images.
        """
        here = Processes.from_environment()
        scores: dict[int, _Score] = {}
        samples = []
        for number in range(here.rank, len(self.images), here.count):
            image = self.images[number]
            depth_lr, result, start = self._answers(method, image, name, number)
            bicubic, error = (rmse(depth, image.target, image.valid) for depth in (start, result))
            ratio = error / bicubic if bicubic > _NO_ERROR else None
            scores[number] = error * (image.span[1] - image.span[0]), ratio
            if number < self.pictures:
                samples.append(Sample(image.entry.name, image.guide, depth_lr, result, image.target))
        return _means(gathered(scores)), samples

    def _answers(self, method: Method, image: DevImage, name: str, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Low-resolution depth, a method's result and bicubic's, all normalised like the image's target."""
        rng = np.random.default_rng(number)
        scene = scene_of(image.entry, *image.span, image.guide, image.valid)
        seen = degradation(name).observe(image.target, self.scale, rng, scene)
        if not by_frame(name):
            depth_lr = seen.filled()
            result = ask(method, image.guide, depth_lr, seen.valid).float().cpu()
            return depth_lr, result, resize_bicubic(depth_lr, image.target.shape[-2:])
        seen, low, span = seen.as_frame()
        depth_lr = seen.filled()
        result = ask(method, image.guide, depth_lr, seen.valid).float().cpu()
        plain = resize_bicubic(depth_lr, image.target.shape[-2:])
        return depth_lr * span + low, result.clamp(0, 1) * span + low, plain.clamp(0, 1) * span + low


_Score = tuple[float, float | None]


def _means(scores: Iterable[object]) -> dict[str, float]:
    """Means in the order of the images, so that every process comes to the same number."""
    merged: dict[int, _Score] = {}
    for some in scores:
        merged.update(some)  # type: ignore[call-overload]
    errors, ratios = zip(*(merged[number] for number in sorted(merged)), strict=True)
    known = [ratio for ratio in ratios if ratio is not None]
    return {"rmse": sum(errors) / len(errors), "ratio": sum(known) / len(known) if known else math.nan}


def _prepared(pair: Pair, multiple: int, side: int) -> DevImage:
    low, high = value_range(pair, pair.target)
    height, width = pair.target.shape
    window = _middle(height, multiple, side), _middle(width, multiple, side)
    return DevImage(
        pair.entry,
        torch.from_numpy(np.ascontiguousarray(pair.rgb[window])).permute(2, 0, 1)[None].float() / 255,
        (torch.from_numpy(np.ascontiguousarray(pair.target[window]))[None, None] - low) / (high - low),
        torch.from_numpy(np.ascontiguousarray(pair.valid[window]))[None, None],
        (low, high),
    )


def _middle(length: int, multiple: int, side: int) -> slice:
    """A whole image keeps its top and left, as in the papers' protocol."""
    kept = min(length, side or length) // multiple * multiple
    first = 0 if not side or length <= side else (length - kept) // 2
    return slice(first, first + kept)
