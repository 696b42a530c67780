"""How well a saliency map finds the salient object: the two measures of the papers' saliency-map up-sampling."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SMALL = 1e-12


def f_measure(saliency: Tensor, truth: Tensor, threshold: float | None = None, beta_squared: float = 0.3) -> Tensor:
    """F-measure of a map cut at a threshold.

    Args:
        saliency: values in [0, 1], any shape.
        truth: bool, same shape.
        threshold: None takes twice the map's mean, at most 1.
        beta_squared: weight of recall against precision.
    """
    level = min(1.0, 2 * float(saliency.mean())) if threshold is None else threshold
    found = saliency >= level
    hits = (found & truth).sum().double()
    precision = hits / found.sum().clamp(min=1)
    recall = hits / truth.sum().clamp(min=1)
    return (1 + beta_squared) * precision * recall / (beta_squared * precision + recall).clamp(min=_SMALL)


def weighted_f_measure(saliency: Tensor, truth: Tensor, beta_squared: float = 1.0) -> Tensor:
    """Weighted F-measure (R. Margolin, L. Zelnik-Manor, A. Tal, "How to evaluate foreground maps?", CVPR 2014).

    Errors are graded rather than cut; an error counts less where neighbouring object pixels are right (their Gaussian,
    7x7, standard deviation 5), and a false alarm more, up to twice, the farther it is from the object.

    Args:
        saliency: (H, W) in [0, 1].
        truth: (H, W) bool; 0 is returned where it holds no object.
        beta_squared: weight of recall against precision.
    """
    inside = truth.cpu().numpy().astype(bool)
    if not inside.any():
        return torch.zeros((), dtype=torch.float64)
    error = np.abs(saliency.detach().cpu().numpy().astype(np.float64) - inside)
    distance, nearest = _nearest_inside(inside)
    spread = np.where(inside, error, error.reshape(-1)[nearest])
    smooth = cv2.filter2D(spread, cv2.CV_64F, _gaussian(7, 5.0), borderType=cv2.BORDER_CONSTANT)
    graded = np.where(inside & (smooth < error), smooth, error)
    weight = np.where(inside, 1.0, 2 - np.exp(math.log(0.5) / 5 * distance))
    weighed = graded * weight
    hits = inside.sum() - weighed[inside].sum()
    false_alarms = weighed[~inside].sum()
    recall = 1 - weighed[inside].mean()
    precision = hits / (hits + false_alarms + _SMALL)
    score = (1 + beta_squared) * recall * precision / (recall + beta_squared * precision + _SMALL)
    return torch.tensor(score, dtype=torch.float64)


def _nearest_inside(inside: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Distance of each pixel to the object, and the flat index of the object pixel nearest to it."""
    outside = (~inside).astype(np.uint8)
    # with labels OpenCV measures distance by a 5x5 mask only, which is good enough to tell which pixel is nearest
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    index_of = np.zeros(int(labels.max()) + 1, np.intp)
    index_of[labels[inside]] = np.flatnonzero(inside)
    return distance.astype(np.float64), index_of[labels]


def _gaussian(size: int, std: float) -> NDArray[np.float64]:
    line = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * std**2))
    kernel: NDArray[np.float64] = np.outer(line, line)
    return kernel / kernel.sum()
