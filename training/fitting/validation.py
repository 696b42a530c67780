"""Evaluation during training: the error on images of the dev split, relative to bicubic up-sampling.

Images are posed as on the cards (`training.evaluation.cases`), so that both measure the same.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.datasets.coarse import scene_of
from training.datasets.pairs import Pair, PairEntry, value_range
from training.evaluation.cases import Case, Method, Truth, degraded_case
from training.evaluation.metrics import NothingToMeasure, rmse
from training.evaluation.protocols import bicubic_up
from training.fitting.distributed import Processes, gathered
from training.recipes.recipe import DevOptions

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

    In a run of several processes each takes some of the images; all get the result of all. Images of which nothing is
    left to measure, as where the middle that is cut out holds no ground truth, are left out with a note.

    Args:
        pairs: what to evaluate on.
        scale: ratio of the two resolutions.
        multiple: sides are cut to multiples of this (and of the scale), at the bottom and on the right.
        options: the recipe's.

    Raises:
        ValueError: an image cannot be normalised, or none is left.
    """

    def __init__(self, pairs: Sequence[Pair], scale: int, multiple: int, options: DevOptions) -> None:
        self.scale = scale
        self.pictures = options.pictures
        self.images = _measurable([_prepared(pair, math.lcm(scale, multiple), options.side) for pair in pairs])

    def __deepcopy__(self, memo: object) -> DevEvaluation:
        """Itself: a copy of the module, as for the running average of its weights, shares the images."""
        return self

    @torch.no_grad()
    def __call__(self, method: Method, name: str) -> tuple[dict[str, float], list[Sample]]:
        """Scores a method under a degradation.

        Depth that stands for a sensor's is normalised by its own range, and results are kept within it, as the frame
        graph does both; pixels of unmeasured cells do not count.

        Returns:
            Means over the images of `rmse` (in the ground truth's unit) and `ratio` (error relative to bicubic; of the
            images on which bicubic makes any), and samples to draw, of this process's images. An image of which the
            degradation leaves nothing to measure is not in the means; NaN where none is.
        """
        here = Processes.from_environment()
        scores: dict[int, _Score] = {}
        samples = []
        for number in range(here.rank, len(self.images), here.count):
            image = self.images[number]
            case = self._posed(image, name, number)
            result = case.answer(method)
            score = _score(case, result)
            if score is not None:
                scores[number] = score[0] * (image.span[1] - image.span[0]), score[1]
            if number < self.pictures:
                depth_lr = case.seen.filled() * case.span + case.low
                samples.append(Sample(image.entry.name, image.guide, depth_lr, result, image.target))
        return _means(gathered(scores)), samples

    def _posed(self, image: DevImage, name: str, number: int) -> Case:
        """The image under a degradation; results are normalised like its target."""
        scene = scene_of(image.entry, *image.span, image.guide, image.valid)
        truth = Truth(image.guide, image.target, image.valid)
        return degraded_case(truth, scene, self.scale, name, np.random.default_rng(number))


_Score = tuple[float, float | None]


def _score(case: Case, result: Tensor) -> _Score | None:
    """Error of a result, and relative to bicubic's; None where no pixel counts."""
    try:
        bicubic, error = (rmse(depth, case.target, case.valid) for depth in (case.answer(bicubic_up), result))
    except NothingToMeasure:
        return None
    return error, error / bicubic if bicubic > _NO_ERROR else None


def _means(scores: Iterable[object]) -> dict[str, float]:
    """Means in the order of the images, so that every process comes to the same number."""
    merged: dict[int, _Score] = {}
    for some in scores:
        merged.update(some)  # type: ignore[call-overload]
    in_order = [merged[number] for number in sorted(merged)]
    known = [ratio for _, ratio in in_order if ratio is not None]
    return {"rmse": _mean([error for error, _ in in_order]), "ratio": _mean(known)}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _measurable(images: Sequence[DevImage]) -> list[DevImage]:
    kept = [image for image in images if _counts(image)]
    left_out = ", ".join(f"{image.entry.dataset} {image.entry.name}" for image in images if not _counts(image))
    words = (
        "of these dev images nothing is left to measure, since all ground truth lies outside of their middle "
        f"(dev.side) or within the border: {left_out}"
    )
    if images and not kept:
        raise ValueError(f"{words}; expected at least one that can be measured: choose a larger dev.side or others")
    if left_out and Processes.from_environment().rank == 0:
        print(f"note: {words}; they are left out", file=sys.stderr, flush=True)
    return kept


def _counts(image: DevImage) -> bool:
    """Whether a pixel is there that the measure looks at."""
    try:
        rmse(image.target, image.target, image.valid)
    except NothingToMeasure:
        return False
    return True


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
