"""Filters of OpenCV's `ximgproc` on the bicubic start image: guided, joint bilateral, and the fast global smoother.

All are methods as `evaluation.protocols.Method`. The guide is rounded to 8 bits, which images of a data set are anyway.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from depth_sr_ros.models.layers.interpolation import resize_bicubic

Filter = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
"""Guide (H, W, 3) and start image (H, W) to the result (H, W)."""


def guided_filter(guide: Tensor, depth_lr: Tensor, epsilon: float = 1e-4, radius: int | None = None) -> Tensor:
    """Guided filter with a colour guide (He, Sun, Tang, PAMI 2013).

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        epsilon: smoothness, of colours in [0, 1]; He's range is (0, 1].
        radius: of the box windows, pixels; None takes the scale.

    Raises:
        RuntimeError: the installed OpenCV lacks `ximgproc`.
    """
    size = radius or guide.shape[-2] // depth_lr.shape[-2]
    return _each(guide, depth_lr, lambda c, start: _ximgproc().guidedFilter(c, start, size, epsilon * 255**2))


def joint_bilateral_filter(
    guide: Tensor, depth_lr: Tensor, radius: int = 4, colour: float = 20.0, space: float = 5.0
) -> Tensor:
    """Joint bilateral filter (Petschnigg et al., SIGGRAPH 2004).

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        radius: of the round window, pixels.
        colour: standard deviation of the summed absolute colour difference, of 255.
        space: standard deviation of the distance, pixels.

    Raises:
        RuntimeError: the installed OpenCV lacks `ximgproc`.
    """

    def run(pixels: NDArray[np.uint8], start: NDArray[np.float32]) -> NDArray[np.float32]:
        joint = pixels.astype(np.float32)  # guide and image have to be of one type
        return _ximgproc().jointBilateralFilter(joint, start, 2 * radius + 1, colour, space)

    return _each(guide, depth_lr, run)


def fast_global_smoother(
    guide: Tensor,
    depth_lr: Tensor,
    smoothness: float = 30.0,
    colour: float = 4.0,
    iterations: int = 3,
    attenuation: float = 0.25,
) -> Tensor:
    """Weighted least squares over the whole image (Min et al., "Fast global image smoothing", TIP 2014).

    Args:
        guide: (B, 3, H, W) in [0, 1].
        depth_lr: (B, 1, h, w) in [0, 1].
        smoothness: lambda of the first pass along rows and columns.
        colour: sigma of the Euclidean colour difference of neighbours, of 255.
        iterations: passes.
        attenuation: factor of lambda from pass to pass; the paper's.

    Raises:
        RuntimeError: the installed OpenCV lacks `ximgproc`.
    """

    def run(pixels: NDArray[np.uint8], start: NDArray[np.float32]) -> NDArray[np.float32]:
        passes = {"lambda_attenuation": attenuation, "num_iter": iterations}
        return _ximgproc().fastGlobalSmootherFilter(pixels, start, smoothness, colour, **passes)

    return _each(guide, depth_lr, run)


def _each(guide: Tensor, depth_lr: Tensor, run: Filter) -> Tensor:
    starts = resize_bicubic(depth_lr, guide.shape[-2:]).float().cpu().numpy()
    colours = (guide * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    results = [run(colour, start[0]) for colour, start in zip(colours, starts, strict=True)]
    return torch.from_numpy(np.stack(results))[:, None].to(depth_lr)


def _ximgproc() -> Any:
    if not hasattr(cv2, "ximgproc"):
        raise RuntimeError(
            f"classical filters: expected an OpenCV with ximgproc, found {cv2.__version__} without it at "
            f"{cv2.__file__}; pip uninstall other wheels of OpenCV, then pip install --force-reinstall "
            "opencv-contrib-python-headless"
        )
    return cv2.ximgproc
