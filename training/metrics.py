"""Error measures. Each is computed per image; tables average the images, pixels are never pooled over images."""

from __future__ import annotations

from torch import Tensor


def rmse(output: Tensor, target: Tensor, valid: Tensor | None = None, border: int = 6) -> float:
    """Root mean square error of one image.

    Args:
        output: (H, W) or (1, 1, H, W).
        target: same shape and unit.
        valid: same shape, non-zero where `target` counts; None counts every pixel.
        border: pixels left out on each side; the papers' code cuts 6.

    Raises:
        ValueError: shapes differ, or nothing is left to compare.
    """
    if output.shape != target.shape:
        raise ValueError(f"output {tuple(output.shape)} and target {tuple(target.shape)} must have one shape")
    inner = (..., slice(border, output.shape[-2] - border), slice(border, output.shape[-1] - border))
    error = (output - target)[inner].double()
    if valid is not None:
        error = error[valid[inner] > 0]
    if error.numel() == 0:
        raise ValueError(f"no valid pixel inside a border of {border} px in an image of {tuple(output.shape)}")
    return float(error.square().mean().sqrt())
