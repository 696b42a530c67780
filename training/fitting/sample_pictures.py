"""Pictures of how training goes: colour, input, result, truth and error of one image, on one scale."""

from __future__ import annotations

import cv2
import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from training.fitting.validation import Sample

# errors from 0 to this share of the image's range; larger ones are drawn like it
_ERROR_RANGE = 0.1
_GAP = 4


def panel(sample: Sample) -> NDArray[np.uint8]:
    """The five images side by side, (H, W', 3) RGB.

    Depth is drawn from the truth's 0 to its 1 in all three maps, the error from 0 to a tenth of that.
    """
    colour = (sample.guide[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    enlarged = F.interpolate(sample.depth_lr, sample.target.shape[-2:], mode="nearest")
    depths = [_drawn(depth, 1.0, cv2.COLORMAP_TURBO) for depth in (enlarged, sample.result, sample.target)]
    error = _drawn((sample.result - sample.target).abs(), _ERROR_RANGE, cv2.COLORMAP_MAGMA)
    gap = np.full((colour.shape[0], _GAP, 3), 255, np.uint8)
    row = [piece for image in (colour, *depths, error) for piece in (image, gap)][:-1]
    return np.concatenate(row, axis=1)


def _drawn(image: Tensor, high: float, colours: int) -> NDArray[np.uint8]:
    levels = (image[0, 0] / high).clamp(0, 1).mul(255).round().byte().numpy()
    return np.ascontiguousarray(cv2.applyColorMap(levels, colours)[:, :, ::-1], dtype=np.uint8)
