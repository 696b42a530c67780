"""Evaluation protocols, by name. Each poses an image as a problem, and measures the answers.

`dkn-bicubic`: as in the code of DKN, JIIF and DAGF. Bottom and right are cropped to a multiple of the scale, depth is
normalised by the ground truth's own minimum and maximum, reduced by PIL's bicubic, and the result is mapped back;
RMSE per image with 6 px cut on each side, in the unit that the papers report: the ground truth's own levels or pixels,
centimetres for metric depth, 255ths of the range for Sintel.

`djf-nearest`: the same with depth picked at the bottom-right pixel of each cell: the first rows of DAGF's Table I.

`dada`: metric depth, block means of the valid pixels, tiles of 256 x 256 px, no border cut; MSE in cm^2 and MAE in cm.

`bridgenet-middlebury`: bicubic, mean absolute difference in disparity levels, no border cut.

`noisy-middlebury`: the published low-resolution files with noise (block means plus Gaussian noise of 5 grey levels,
8 bits), which lie beside the ground truth as `SCENE_noisy_lr_xSCALE.png`.

`recorded`: the low-resolution depth that a sensor of its own delivered, for data sets that have it (ToFMark, RGB-D-D);
pixels whose cell was not measured are not counted.

`jiif-noisy`: bicubic, then noise as in JIIF eq. 11: 651 / disparity, or 0.04 times depth.

`cell-box` and `cell-median`: as `dkn-bicubic` with depth reduced by the mean or the median of each cell, as sensors and
the upsampler's own grid reduction do. `live`: with what sensors do, see `training.degradation`; pixels whose cell was
not measured are not counted, since the node marks them invalid.

Random numbers of a protocol depend on the image's name and the scale alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from depth_sr_ros.models.interpolation import resize_bicubic
from training.cases import (
    Case,
    Method,
    pose_by_dada,
    pose_by_jiif,
    pose_degraded,
    pose_from_file,
    pose_from_sensor,
    unit_of,
)
from training.datasets.pairs import Pair
from training.metrics import (
    BadPixels,
    BoundaryError,
    LowResolutionConsistency,
    MeanAbsoluteError,
    MeanSquareError,
    PerImage,
    RootMeanSquareError,
)

__all__ = [
    "PROTOCOLS", "Case", "ImageScore", "Method", "Protocol", "bicubic_up", "protocol", "scores_under", "unit_of",
]  # fmt: skip


@dataclass(frozen=True)
class ImageScore:
    """One image's RMSE in the protocol's unit, that of bicubic up-sampling on the same input, and all measures.

    Attributes:
        name: of the image.
        dataset: its set.
        rmse: root mean square error.
        bicubic: the same of bicubic up-sampling.
        measures: all of the protocol's measures, by name.
    """

    name: str
    dataset: str
    rmse: float
    bicubic: float
    measures: Mapping[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Error relative to bicubic; below 1 is better than bicubic."""
        return self.rmse / self.bicubic


def bicubic_up(guide: Tensor, depth_lr: Tensor) -> Tensor:
    """The method that all others are compared with."""
    return resize_bicubic(depth_lr, guide.shape[-2:])


@dataclass(frozen=True)
class Protocol:
    """How images are posed and answers measured.

    Attributes:
        pose: makes the case of a pair at a scale.
        reported: the measures that the paper reports, the first one first.
        unit: of errors; empty for the ground truth's own, see `unit_of`.
        border: pixels cut on each side.
        bad: threshold of the measure `bad`, in that unit.
    """

    pose: Callable[[Pair, int], Case]
    reported: tuple[str, ...] = ("rmse",)
    unit: str = ""
    border: int = 6
    bad: float = 1.0

    def measures(self, scale: int) -> dict[str, PerImage]:
        """Fresh measures, by name."""
        return {
            "rmse": RootMeanSquareError(self.border),
            "mae": MeanAbsoluteError(self.border),
            "mse": MeanSquareError(self.border),
            "boundary_rmse": BoundaryError(border=self.border),
            "bad": BadPixels(self.bad, self.border),
            "lr_mse": LowResolutionConsistency(scale, self.border),
        }

    def measure(self, case: Case, output: Tensor) -> dict[str, float]:
        """All measures of a result (N, 1, H, W) in the protocol's unit; tiles are averaged."""
        scores = {}
        for name, metric in self.measures(case.scale).items():
            values = [_of_tile(metric, *tile) for tile in zip(output, case.target, case.valid, strict=True)]
            known = [value for value in values if not math.isnan(value)]
            scores[name] = sum(known) / len(known) if known else math.nan
        return scores

    def __call__(self, method: Method, pairs: Iterable[Pair], scale: int) -> list[ImageScore]:
        """Scores a method image by image, bicubic beside it."""
        return [self._score(method, pair, scale) for pair in pairs]

    def _score(self, method: Method, pair: Pair, scale: int) -> ImageScore:
        case = self.pose(pair, scale)
        measured = self.measure(case, case.answer(method))
        plain = self.measure(case, case.answer(bicubic_up))
        return ImageScore(pair.entry.name, pair.entry.dataset, measured["rmse"], plain["rmse"], measured)


def scores_under(name: str, method: Method, pairs: Iterable[Pair], scale: int) -> list[ImageScore]:
    """Scores a method as `dkn-bicubic` does, with depth degraded another way.

    Args:
        name: how low-resolution depth is made, see `training.degradation`.
        method: what to score.
        pairs: images.
        scale: ratio of the two resolutions.
    """
    return _under(name)(method, pairs, scale)


def _under(name: str, **settings: object) -> Protocol:
    return Protocol(lambda pair, scale: pose_degraded(pair, scale, name), **settings)  # type: ignore[arg-type]


def _of_tile(metric: PerImage, output: Tensor, target: Tensor, valid: Tensor) -> float:
    """NaN where the measure has nothing to look at, as a tile without edges for the error at edges."""
    try:
        return float(metric.of_image(output, target, valid))
    except ValueError:
        return math.nan


PROTOCOLS: dict[str, Protocol] = {
    "dkn-bicubic": _under("bicubic"),
    "djf-nearest": _under("nearest"),
    "dada": Protocol(pose_by_dada, ("mse", "mae"), "cm", border=0),
    "bridgenet-middlebury": _under("bicubic", reported=("mae",), border=0),
    "noisy-middlebury": Protocol(pose_from_file),
    "jiif-noisy": Protocol(pose_by_jiif),
    "recorded": Protocol(pose_from_sensor, border=0),
    "cell-box": _under("box"),
    "cell-median": _under("median"),
    "live": _under("live"),
}
"""Protocols by the name that recipes, cards and the command line use."""


def protocol(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        ValueError: unknown; the message lists the known ones.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"protocol: expected one of {sorted(PROTOCOLS)}, found {name!r}")
    return PROTOCOLS[name]
