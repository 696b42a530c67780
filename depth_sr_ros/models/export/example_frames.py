"""Synthetic frames on which graphs are exported and engines check themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FIXTURE_CELLS = (18, 24)
"""Height and width of the golden frame's depth, before rounding up to what a network takes."""
LIVE_SIZE = (144, 192)
"""Height and width of the live golden frame, before rounding up to what a network takes."""

_FILLED, _FOOTPRINT, _MEASURED = 1, 2, 3  # codes of `cameras.registration`
_FAT = 3  # pixels that a silhouette of the live frame is uncertain by


def example_frame(scale: int, step: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A small synthetic frame with slanted planes, depth edges, a thin bar, texture and holes.

    Args:
        scale: ratio of colour and depth size.
        step: depth's height and width are multiples of this.

    Returns:
        `rgb` uint8 (18 scale, 24 scale, 3) and `depth` float32 (18, 24) metres, 0 where invalid; larger where `step`
        asks for it.
    """
    cells_high, cells_wide = (-(-cells // step) * step for cells in FIXTURE_CELLS)
    rng = np.random.default_rng(0)
    full, rgb = _scene(cells_high * scale, cells_wide * scale, scale, rng)
    centre = scale // 2
    depth = full[centre::scale, centre::scale].astype(np.float32)
    depth[2:5, 2:6] = 0
    depth[14, 8:20] = 0
    depth[rng.random(depth.shape) < 0.02] = 0
    return rgb, depth


def example_live_frame(step: int = 1) -> dict[str, NDArray[Any]]:
    """The same scene as registration gives it: noise, fat silhouettes between two surfaces, a hole, a pixel far off.

    Args:
        step: height and width are multiples of this.

    Returns:
        The inputs of the live frame graph, by name.
    """
    height, width = (-(-side // step) * step for side in LIVE_SIZE)
    rng = np.random.default_rng(0)
    full, rgb = _scene(height, width, 8, rng)
    depth = (full * (1 + 0.004 * rng.standard_normal(full.shape))).astype(np.float32)
    near, far = _extremes(depth)
    question = far - near > 0.15
    start = np.where(question & (rng.random(depth.shape) < 0.5), near, depth)
    quality = np.where(question, _FOOTPRINT, _MEASURED).astype(np.uint8)
    quality[16:40, 16:48] = _FILLED
    near, far = (np.where(question, surface, start) for surface in (near, far))
    start[height // 2, width - 9] = far[height // 2, width - 9] = 900.0
    return {"rgb": rgb, "start": start, "near": near, "far": far, "quality": quality}


def _scene(
    height: int, width: int, scale: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Depth, metres, and colour of planes, edges, a thin bar and texture."""
    y, x = np.mgrid[:height, :width] / scale
    full = 3.0 - 0.03 * y + 0.02 * x
    full = np.where((x - 8) ** 2 + (y - 9) ** 2 < 20, 1.2 + 0.02 * x, full)
    full = np.where(np.abs(x - 16.4 + 0.3 * y) < 0.7, 0.9, full)
    full = np.where((x > 17) & (y > 10), 2.0 - 0.05 * y, full)
    shade = 60 + 50 * full + 8 * np.sin(5 * x) * np.cos(4 * y)
    colour = shade[..., None] * np.array([0.9, 0.7, 1.0]) + rng.normal(0, 3, (height, width, 3))
    return full, np.clip(colour, 0, 255).astype(np.uint8)


def _extremes(depth: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Smallest and largest depth within `_FAT` pixels."""
    side = 2 * _FAT + 1
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(depth, _FAT, mode="edge"), (side, side))
    return windows.min(axis=(2, 3)), windows.max(axis=(2, 3))
