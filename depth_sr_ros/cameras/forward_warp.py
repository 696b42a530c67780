"""Moves a depth image from its own camera into the colour camera's view.

Each depth pixel is a small square in front of its camera. It is taken to the colour camera's coordinates and covers
there the pixels between its two projected corners; where several cover a pixel, the nearest wins (z-buffer).

Limits: pinhole cameras without lens distortion; no interpolation, so a value is that of one measured pixel, its
position is right to half a pixel; what only one of the cameras sees becomes a hole (at the edge of the image, behind
foreground); a pixel that grows beyond `LARGEST_FOOTPRINT` pixels is cut to that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.errors import FrameError

LARGEST_FOOTPRINT = 4
"""Side of the square, in pixels of the result, that one depth pixel covers at most."""


def registered_grid(depth: Intrinsics, colour: Intrinsics) -> Intrinsics:
    """The colour camera on a grid that is not finer than the depth camera's, so that depth fills it without gaps.

    Args:
        depth: the depth camera.
        colour: the colour camera.

    Returns:
        The colour camera itself, or with fewer pixels over the same view.
    """
    share = min(1.0, depth.fx / colour.fx, depth.fy / colour.fy)
    if share == 1.0:
        return colour
    return colour.resized(max(1, round(colour.width * share)), max(1, round(colour.height * share)))


def register_depth(
    depth: NDArray[np.float32], camera: Intrinsics, target: Intrinsics, to_target: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Depth as the target camera sees it.

    Args:
        depth: (h, w) metres along the depth camera's axis, NaN where invalid; not changed.
        camera: the depth camera.
        target: the camera and the grid of the result.
        to_target: (4, 4), takes points in metres from the depth camera's optical frame (x right, y down, z forward) to
            the target's.

    Returns:
        (target.height, target.width) metres along the target's axis, NaN where nothing was measured.

    Raises:
        FrameError: cause `size`, the image is not of the camera's size.
    """
    if depth.shape != (camera.height, camera.width):
        raise FrameError(
            "size",
            f"registration: expected depth of {camera.width}x{camera.height}, as its camera_info says, found "
            f"{depth.shape[1]}x{depth.shape[0]}; record the camera_info of this image",
        )
    pixels = np.stack(np.nonzero(np.isfinite(depth)))
    metres = depth[pixels[0], pixels[1]].astype(np.float64)
    low, z = _project(pixels - np.float64(0.5), metres, camera, target, to_target)
    high, _ = _project(pixels + np.float64(0.5), metres, camera, target, to_target)
    return _splat(np.minimum(low, high), np.maximum(low, high), z, (target.height, target.width))


def _project(
    pixels: NDArray[np.float64],
    metres: NDArray[np.float64],
    camera: Intrinsics,
    target: Intrinsics,
    to_target: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows and columns (2, n) in the target image of such in the camera's, and metres (n,), infinite behind it."""
    rows, columns = pixels
    points = np.stack([(columns - camera.cx) / camera.fx * metres, (rows - camera.cy) / camera.fy * metres, metres])
    x, y, z = to_target[:3, :3] @ points + to_target[:3, 3:]
    z = np.where(z > 1e-6, z, np.inf)
    with np.errstate(invalid="ignore"):
        return np.stack([y / z * target.fy + target.cy, x / z * target.fx + target.cx]), z


def _splat(
    low: NDArray[np.float64], high: NDArray[np.float64], z: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    # the pixels whose centres lie in [low, high); a square narrower than a pixel takes the one it lies in
    first = np.ceil(low).astype(np.int64)
    count = np.clip(np.ceil(high).astype(np.int64) - first, 0, LARGEST_FOOTPRINT)
    first = np.where(count == 0, np.rint((low + high) / 2).astype(np.int64), first)
    count = np.maximum(count, 1)
    # far ones first, so that the nearest is written last
    order = np.argsort(-z, kind="stable")
    order = order[np.isfinite(z[order])]
    first, count, z = first[:, order], count[:, order], z[order]
    nearest = np.full(size[0] * size[1], np.inf)
    for down in range(int(count[0].max(initial=0))):
        for right in range(int(count[1].max(initial=0))):
            row, column = first[0] + down, first[1] + right
            inside = (down < count[0]) & (right < count[1])
            inside &= (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
            layer = np.full(nearest.size, np.inf)
            layer[row[inside] * size[1] + column[inside]] = z[inside]
            np.minimum(nearest, layer, out=nearest)
    return np.where(np.isfinite(nearest), nearest, np.nan).astype(np.float32).reshape(size)
