"""Evaluation protocols, by name.

`dkn-bicubic`: Middlebury as in the code of DKN, JIIF and DAGF. Bottom and right are cropped to a multiple of the
scale, depth is normalised by the ground truth's own minimum and maximum, reduced by PIL's bicubic, and the result is
mapped back; RMSE per image with 6 px cut on each side, in the original unit of the ground truth.

`cell-box` and `cell-median`: the same with depth reduced by the mean or the median of each cell, as sensors and the
upsampler's own grid reduction do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic
from training.datasets.pairs import Pair
from training.degradation import DEGRADATIONS
from training.metrics import rmse

Method = Callable[[Tensor, Tensor], Tensor]
"""(guide (1, 3, H, W), depth_lr (1, 1, h, w)) -> depth (1, 1, H, W), all normalised."""


@dataclass(frozen=True)
class ImageScore:
    """One image's RMSE in the ground truth's unit, and that of bicubic up-sampling on the same input."""

    name: str
    dataset: str
    rmse: float
    bicubic: float

    @property
    def ratio(self) -> float:
        """Error relative to bicubic; below 1 is better than bicubic."""
        return self.rmse / self.bicubic


@torch.inference_mode()
def scores_under(degradation: str, method: Method, pairs: Iterable[Pair], scale: int) -> list[ImageScore]:
    """Scores a method image by image.

    Args:
        degradation: how low-resolution depth is made, a name in `training.degradation.DEGRADATIONS`.
        method: what to score.
        pairs: images.
        scale: ratio of the two resolutions.
    """
    return [_score(degradation, method, pair, scale) for pair in pairs]


def _score(degradation: str, method: Method, pair: Pair, scale: int) -> ImageScore:
    target = torch.from_numpy(pair.target)[None, None]
    valid = torch.from_numpy(pair.valid)[None, None]
    low, high = target[valid].min(), target[valid].max()
    height, width = (n - n % scale for n in target.shape[-2:])
    target, valid = target[..., :height, :width], valid[..., :height, :width]
    guide = torch.from_numpy(pair.rgb[:height, :width]).permute(2, 0, 1)[None].float() / 255
    depth_lr = DEGRADATIONS[degradation]((target - low) / (high - low), scale)
    output = method(guide, depth_lr).float() * (high - low) + low
    plain = resize_bicubic(depth_lr, (height, width)) * (high - low) + low
    return ImageScore(pair.entry.name, pair.entry.dataset, rmse(output, target, valid), rmse(plain, target, valid))


PROTOCOLS: dict[str, Callable[[Method, Iterable[Pair], int], list[ImageScore]]] = {
    "dkn-bicubic": partial(scores_under, "bicubic"),
    "cell-box": partial(scores_under, "box"),
    "cell-median": partial(scores_under, "median"),
}
"""Protocols by the name that recipes, cards and the command line use."""
