"""Error measures, computed per image and averaged over images; pixels are never pooled over images.

Each is a `torchmetrics.Metric`: `update` takes images (B, 1, H, W), (H, W) or anything whose last two axes are an
image, one by one; `compute` gives the mean over all images seen. `valid` marks the pixels whose ground truth counts,
and `border` cuts as many pixels from each side (the code of DKN, JIIF and DAGF cuts 6).
"""

from __future__ import annotations

import abc
from typing import Any

import torch
import torch.nn.functional as F
import torchmetrics
from torch import Tensor

from training.degradation import masked_box_down
from training.evaluation.saliency import f_measure, weighted_f_measure


class NothingToMeasure(ValueError):
    """An image without a pixel that a measure could look at, as one without edges for the error at edges."""


def rmse(output: Tensor, target: Tensor, valid: Tensor | None = None, border: int = 6) -> float:
    """Root mean square error of one image.

    Args:
        output: (H, W) or (1, 1, H, W).
        target: same shape and unit.
        valid: same shape, non-zero where `target` counts; None counts every pixel.
        border: pixels left out on each side; the papers' code cuts 6.

    Raises:
        ValueError: shapes differ, or nothing is left to compare (`NothingToMeasure`).
    """
    return float(RootMeanSquareError(border).of_image(output, target, valid))


class PerImage(torchmetrics.Metric, abc.ABC):
    """Mean over images of a number per image.

    Args:
        border: pixels left out on each side.
    """

    full_state_update = False
    total: Tensor
    images: Tensor

    def __init__(self, border: int = 0, **settings: Any) -> None:
        super().__init__(**settings)
        self.border = border
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor, valid: Tensor | None = None) -> None:
        """Adds images.

        Raises:
            ValueError: shapes differ, or an image has nothing to compare (`NothingToMeasure`).
        """
        for one in zip(*_images(output, target, valid), strict=True):
            self.total += self.of_image(*one).to(self.total)
            self.images += 1

    def compute(self) -> Tensor:
        """Mean over the images seen."""
        return self.total / self.images.clamp(min=1)

    def of_image(self, output: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """The number for one image, float64; NaN where a pixel that counts is not finite. Raises as `update`."""
        (output, *_), (target, *_), (mask, *_) = _images(output, target, valid)
        (height, width), cut = target.shape, self.border
        inner = torch.zeros_like(mask)
        inner[cut : max(cut, height - cut), cut : max(cut, width - cut)] = True
        counted = self._counted(target, mask) & inner & mask
        if not counted.any():
            raise NothingToMeasure(
                f"no valid pixel inside a border of {self.border} px in an image of {height}x{width}"
            )
        if not output[counted].isfinite().all():
            return torch.tensor(torch.nan, dtype=torch.float64)
        return self._measure(output.double(), target.double(), counted)

    def _counted(self, target: Tensor, valid: Tensor) -> Tensor:
        """Pixels that enter the measure; all unless a measure says otherwise."""
        return torch.ones_like(valid)

    @abc.abstractmethod
    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """The number for one image (H, W), float64; `counted` is bool."""


class RootMeanSquareError(PerImage):
    """Root mean square error, in the images' unit."""

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        return (output - target)[counted].square().mean().sqrt()


class MeanSquareError(PerImage):
    """Mean square error, in the images' unit squared (DADA: cm^2)."""

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        return (output - target)[counted].square().mean()


class MeanAbsoluteError(PerImage):
    """Mean absolute error, in the images' unit: DADA's MAE, BridgeNet's MAD."""

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        return (output - target)[counted].abs().mean()


class BadPixels(PerImage):
    """Percentage of pixels that are off by more than a threshold.

    Args:
        threshold: in the images' unit.
        border: pixels left out on each side.
    """

    def __init__(self, threshold: float = 1.0, border: int = 0, **settings: Any) -> None:
        super().__init__(border, **settings)
        self.threshold = threshold

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        return 100 * ((output - target)[counted].abs() > self.threshold).double().mean()


class BoundaryError(PerImage):
    """Root mean square error near depth edges.

    An edge is a pixel whose 3x3 neighbourhood spans more than `step` of the image's range of valid depth.

    Args:
        step: share of the range.
        reach: pixels around an edge that count.
        border: pixels left out on each side.
    """

    def __init__(self, step: float = 0.05, reach: int = 4, border: int = 0, **settings: Any) -> None:
        super().__init__(border, **settings)
        self.step, self.reach = step, reach

    def _counted(self, target: Tensor, valid: Tensor) -> Tensor:
        known = target[valid]
        if known.numel() == 0:
            return valid
        least, most = known.min(), known.max()
        # invalid pixels must make no edges, so they never are the extreme of a neighbourhood
        high = _pool(torch.where(valid, target, least), 1)
        low = -_pool(torch.where(valid, -target, -most), 1)
        edges = (high - low) > self.step * (most - least)
        return _pool(edges.to(torch.float32), self.reach) > 0

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        return (output - target)[counted].square().mean().sqrt()


class LowResolutionConsistency(PerImage):
    """Mean square error, at low resolution, of the result reduced again by block means (DADA, Table 3).

    Args:
        scale: side of a block.
        border: pixels left out on each side; a block that reaches into it, or over the image's end, is left out. Of a
            block with holes the valid pixels count.
    """

    def __init__(self, scale: int, border: int = 0, **settings: Any) -> None:
        super().__init__(border, **settings)
        self.scale = scale

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        height, width = (n - n % self.scale for n in target.shape)
        mask = (counted & self._whole_cells(*target.shape))[None, None, :height, :width]
        ours, cells = masked_box_down(output[None, None, :height, :width], mask, self.scale)
        theirs, _ = masked_box_down(target[None, None, :height, :width], mask, self.scale)
        if not cells.any():
            raise NothingToMeasure(f"no whole cell of {self.scale} px inside a border of {self.border} px")
        return (ours - theirs)[cells > 0].square().mean()

    def _whole_cells(self, height: int, width: int) -> Tensor:
        """(H, W) bool: the cells that lie inside the border and inside the image with all of their pixels."""
        rows, columns = (self._whole_length(length) for length in (height, width))
        return rows[:, None] & columns[None, :]

    def _whole_length(self, length: int) -> Tensor:
        pixel = torch.arange(length)
        first = pixel - pixel % self.scale
        return (first >= self.border) & (first + self.scale <= length - self.border)


class FMeasure(PerImage):
    """F-measure of a saliency map in [0, 1] with beta^2 = 0.3 (Achanta et al., CVPR 2009), as DJFR and DAGF report.

    Args:
        threshold: level at which a map is cut; None takes twice its mean, as Achanta does.
        border: pixels left out on each side.
    """

    higher_is_better = True

    def __init__(self, threshold: float | None = None, border: int = 0, **settings: Any) -> None:
        super().__init__(border, **settings)
        self.threshold = threshold

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        return f_measure(output[counted], target[counted] > 0.5, self.threshold)


class WeightedFMeasure(PerImage):
    """Weighted F-measure of a saliency map in [0, 1] (Margolin, Zelnik-Manor, Tal, CVPR 2014), as DKN reports.

    Needs whole images: what is not counted is taken for right.
    """

    higher_is_better = True

    def _measure(self, output: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        truth = (target > 0.5) & counted
        return weighted_f_measure(torch.where(counted, output, truth.double()), truth)


def _images(output: Tensor, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """All as (N, H, W), the mask bool."""
    if output.shape != target.shape or (valid is not None and valid.shape != target.shape):
        found = None if valid is None else tuple(valid.shape)
        raise ValueError(
            f"output {tuple(output.shape)}, target {tuple(target.shape)} and valid {found} must have one shape"
        )
    mask = torch.ones_like(target, dtype=torch.bool) if valid is None else valid > 0
    height, width = target.shape[-2:]
    return output.reshape(-1, height, width), target.reshape(-1, height, width), mask.reshape(-1, height, width)


def _pool(image: Tensor, reach: int) -> Tensor:
    """Largest value within `reach` pixels along rows and columns, (H, W)."""
    size, padded = 2 * reach + 1, F.pad(image[None, None], (reach,) * 4, mode="replicate")
    return F.max_pool2d(F.max_pool2d(padded, (size, 1), stride=1), (1, size), stride=1)[0, 0]
