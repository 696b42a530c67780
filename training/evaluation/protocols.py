"""Evaluation protocols, by name. Each poses an image as a problem, and measures the answers.

`dkn-bicubic`: as in the code of DKN, JIIF and DAGF. Bottom and right are cropped to a multiple of the scale, depth is
normalised by the ground truth's own minimum and maximum, reduced by PIL's bicubic, and the result is mapped back;
RMSE per image with 6 px cut on each side, in the unit that the papers report: the ground truth's own levels or pixels,
centimetres for metric depth, 255ths of the range for Sintel.

`djf-nearest`: the same with depth picked at the bottom-right pixel of each cell: the first rows of DAGF's Table I.

`dada`: metric depth, block means of the valid pixels, tiles of 256 x 256 px, no border cut; MSE in cm^2, MAE in cm, and
the MSE that is left at low resolution, in cm^2.

`bridgenet-middlebury`: bicubic, mean absolute difference in disparity levels, no border cut.

`noisy-middlebury`: the published low-resolution files with noise (block means plus Gaussian noise of 5 grey levels,
8 bits), which lie beside the ground truth as `SCENE_noisy_lr_xSCALE.png`. None of the papers has numbers on them.

`recorded`: the low-resolution depth that a sensor of its own delivered, for data sets that have it at exactly 1/scale
of the ground truth's size; pixels whose cell was not measured are not counted. RGB-D-D has such depth, but its 144x192
beside 384x512 are a ratio of 2.67, which is refused; ToFMark's grid is not known here.

`jiif-noisy`: bicubic, then noise as in JIIF eq. 11: 651 / disparity, or 0.04 times depth.

`dkn-saliency`: saliency maps from 0 to 1 in which 0 is a value, reduced by bicubic; results are cut to that range.
Weighted F-measure, as DKN reports (higher is better), and F-measure, as DAGF does; no border cut.

`cell-box` and `cell-median`: as `dkn-bicubic` with depth reduced by the mean or the median of each cell, as sensors and
the upsampler's own grid reduction do. `live`: with what sensors do, see `training.degradation`; pixels whose cell was
not measured are not counted, since the node marks them invalid.

`dkn-noise` and `dagf-noise`: as `dkn-bicubic` with the noise of DKN's joint denoising (scale 1) and DAGF's.

A network that uses validity receives it under every protocol, as in training and in the node.

Under `noisy-middlebury`, `recorded` and `live`, depth is normalised by the range of the low-resolution map instead of
the ground truth's, and results are kept within it, both as the node does.

Random numbers of a protocol depend on the image's name and the scale alone. Scales are whole numbers; only where depth
is reduced by bicubic (`dkn-bicubic`, `bridgenet-middlebury`) they may lie between, for methods that take any scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from training.datasets.pairs import Pair
from training.evaluation.cases import (
    Case,
    Method,
    is_whole,
    pose_bicubic,
    pose_by_dada,
    pose_by_jiif,
    pose_degraded,
    pose_from_file,
    pose_from_sensor,
    pose_saliency,
    unit_of,
)
from training.evaluation.metrics import (
    BadPixels,
    BoundaryError,
    FMeasure,
    LowResolutionConsistency,
    MeanAbsoluteError,
    MeanSquareError,
    NothingToMeasure,
    PerImage,
    RootMeanSquareError,
    WeightedFMeasure,
)

__all__ = [
    "PROTOCOLS", "UNITLESS", "Case", "ImageScore", "Method", "Protocol", "bicubic_up", "protocol", "unit_of",
]  # fmt: skip


UNITLESS = ("weighted_f", "f")
"""Measures from 0 to 1 of which higher is better; all others are errors in the protocol's unit."""


# bicubic's error, in the protocol's unit, below which it is rounding: nothing can be said relative to it
_NO_ERROR = 1e-3


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
        """Error relative to bicubic; below 1 is better than bicubic. NaN where bicubic makes none, as at scale 1."""
        return self.rmse / self.bicubic if self.bicubic > _NO_ERROR else math.nan


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
        saliency: results are maps from 0 to 1, cut to that range and measured by their F-measures.
        any_scale: whether scales between the whole numbers can be posed.
    """

    pose: Callable[[Pair, Any], Case]
    reported: tuple[str, ...] = ("rmse",)
    unit: str = ""
    border: int = 6
    bad: float = 1.0
    saliency: bool = False
    any_scale: bool = False

    def measures(self, scale: float) -> dict[str, PerImage]:
        """Fresh measures, by name; consistency with the low resolution needs cells of whole pixels."""
        errors: dict[str, PerImage] = {
            "rmse": RootMeanSquareError(self.border),
            "mae": MeanAbsoluteError(self.border),
            "mse": MeanSquareError(self.border),
        }
        if self.saliency:
            return {"weighted_f": WeightedFMeasure(), "f": FMeasure(), **errors}
        errors |= {"boundary_rmse": BoundaryError(border=self.border), "bad": BadPixels(self.bad, self.border)}
        return errors | ({"lr_mse": LowResolutionConsistency(int(scale), self.border)} if is_whole(scale) else {})

    def measure(self, case: Case, output: Tensor) -> dict[str, float]:
        """All measures of a result (N, 1, H, W) in the protocol's unit; tiles are averaged.

        A measure that finds nothing to look at in any tile is left out; one of a result that is not finite is NaN.

        Raises:
            ValueError: the result has another shape than the case.
        """
        scores = {}
        output = output.clamp(0, 1) if self.saliency else output
        for name, metric in self.measures(case.scale).items():
            values = [_of_tile(metric, *tile) for tile in zip(output, case.target, case.valid, strict=True)]
            known = [value for value in values if value is not None]
            if known:
                scores[name] = sum(known) / len(known)
        return scores

    def __call__(self, method: Method, pairs: Iterable[Pair], scale: int) -> list[ImageScore]:
        """Scores a method image by image, bicubic beside it; images without a pixel that counts are left out."""
        scores = (self._score(method, pair, scale) for pair in pairs)
        return [score for score in scores if score is not None]

    def _score(self, method: Method, pair: Pair, scale: int) -> ImageScore | None:
        case = self.pose(pair, scale)
        plain = self.measure(case, case.answer(bicubic_up))
        if "rmse" not in plain:
            return None
        measured = self.measure(case, case.answer(method))
        return ImageScore(pair.entry.name, pair.entry.dataset, measured["rmse"], plain["rmse"], measured)


def _under(name: str) -> Protocol:
    return Protocol(lambda pair, scale: pose_degraded(pair, scale, name))


def _of_tile(metric: PerImage, output: Tensor, target: Tensor, valid: Tensor) -> float | None:
    """None where the measure has nothing to look at, as a tile without edges for the error at edges."""
    try:
        return float(metric.of_image(output, target, valid))
    except NothingToMeasure:
        return None


PROTOCOLS: dict[str, Protocol] = {
    "dkn-bicubic": Protocol(pose_bicubic, any_scale=True),
    "djf-nearest": _under("nearest"),
    "dada": Protocol(pose_by_dada, ("mse", "mae", "lr_mse"), "cm", border=0),
    "bridgenet-middlebury": Protocol(pose_bicubic, ("mae",), border=0, any_scale=True),
    "noisy-middlebury": Protocol(pose_from_file),
    "jiif-noisy": Protocol(pose_by_jiif),
    "recorded": Protocol(pose_from_sensor, border=0),
    "dkn-saliency": Protocol(pose_saliency, ("weighted_f", "f"), "of 1", border=0, saliency=True),
    "cell-box": _under("box"),
    "cell-median": _under("median"),
    "live": _under("live"),
    "dkn-noise": _under("dkn-noise"),
    "dagf-noise": _under("dagf-noise"),
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
