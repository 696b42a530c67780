"""Prepares what kernels need to know of two cameras, once, and refuses what cannot work."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.parallax import NODE
from depth_sr_ros.cameras.placing import View
from depth_sr_ros.cameras.transforms import Matrix

_TRIED_PIXELS = 33  # per row and column


def view_of(colour: Camera, to_colour: Matrix) -> View:
    """The colour camera for kernels."""
    i, f32 = colour.intrinsics, np.float32
    return View(
        tuple(map(f32, to_colour[:3, 3])),
        (f32(i.fx), f32(i.fy)),
        (f32(i.cx), f32(i.cy)),
        colour.lens.formula,
        tuple(map(f32, colour.lens.padded())),
        f32(min(colour.lens.reach, 1e6)),
    )


def turned_rays(camera: Camera, to_colour: Matrix) -> NDArray[np.float32]:
    """Directions of a camera's pixels in the colour camera's axes, (3, h, w), per metre along its own axis."""
    return _turned(camera.rays(), to_colour)


def turned_corners(camera: Camera, to_colour: Matrix) -> NDArray[np.float32]:
    """Directions of the pixels' corners, (3, h + 1, w + 1), as `turned_rays`."""
    height, width = camera.size
    return _turned(camera.directions(_grid(np.arange(height + 1) - 0.5, np.arange(width + 1) - 0.5)), to_colour)


def parallax_field(colour: Camera, to_colour: Matrix) -> NDArray[np.float32]:
    """Displacement of what the depth camera sees in the colour image, as `filling.Parallax.field` says."""
    height, width = colour.size
    rows, columns = (np.linspace(0, size - 1, max(1, size // NODE) + 1) for size in (height, width))
    ahead = colour.directions(_grid(rows, columns))
    t, step = to_colour[:3, 3], 1e-5
    # seen from the other camera, x = (a + w tx) / (c + w tz), w the inverse depth; this is its derivative
    moved = t[:2] - t[2] * ahead
    bent = (colour.lens.distort(ahead + step * moved) - colour.lens.distort(ahead - step * moved)) / (2 * step)
    field = bent * (colour.intrinsics.fx, colour.intrinsics.fy)
    return np.nan_to_num(field).astype(np.float32)


def check_overlap(depth: Camera, colour: Camera, to_colour: Matrix, distances: Any) -> None:
    """Refuses cameras that see nothing in common.

    Args:
        depth: the depth camera.
        colour: the colour camera.
        to_colour: (4, 4), from the depth camera's frame to the colour camera's.
        distances: metres along the depth camera's axis at which they are asked.

    Raises:
        ValueError: everything is behind the colour camera, or beside its image.
    """
    height, width = depth.size
    rows, columns = (np.linspace(0, size - 1, min(size, _TRIED_PIXELS)) for size in (height, width))
    ahead = depth.directions(_grid(rows, columns))
    rays = np.concatenate([ahead, np.ones_like(ahead[..., :1])], axis=-1)[np.isfinite(ahead).all(axis=-1)]
    if not len(rays):
        raise ValueError(
            f"depth camera: expected a lens that shows its own pixels, found {depth.lens}; correct K and d of its "
            "camera_info"
        )
    points = np.asarray(distances)[:, None, None] * rays @ to_colour[:3, :3].T + to_colour[:3, 3]
    told = f"translation {to_colour[:3, 3].tolist()} m, rotation {to_colour[:3, :3].tolist()}"
    if not (points[..., 2] > 0).any():
        raise ValueError(
            "depth_to_colour: expected what the depth camera sees in front of the colour camera, found all of it "
            f"behind ({told}); give the motion that takes points from the depth camera's optical frame to the colour "
            "camera's (x right, y down, z forward, metres), not its inverse nor one between body frames"
        )
    seen = colour.project(points)
    inside = (seen > -0.5) & (seen < np.array(colour.size[::-1]) - 0.5)
    if not inside.all(axis=-1).any():
        raise ValueError(
            "depth_to_colour: expected the depth camera's view to meet the colour image, found none of it inside "
            f"{colour.intrinsics.width}x{colour.intrinsics.height} at {min(distances):g} to {max(distances):g} m "
            f"({told}); check direction and unit (metres) of the extrinsics, and both camera_infos"
        )


def _turned(ahead: NDArray[np.float64], to_colour: Matrix) -> NDArray[np.float32]:
    rays = np.concatenate([ahead, np.ones_like(ahead[..., :1])], axis=-1) @ to_colour[:3, :3].T
    return np.ascontiguousarray(np.moveaxis(rays, -1, 0), np.float32)


def _grid(rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    x, y = np.meshgrid(np.asarray(columns, np.float64), np.asarray(rows, np.float64))
    return np.stack([x, y], axis=-1)
