"""Shapes of surfaces in inverse depth.

All layers are put together in inverse depth q (larger is nearer), in which a plane in space is a plane of the image:
q = q0 + ax + by holds exactly under perspective.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.scenes.outlines import Coverage, Random
from training.datasets.scenes.textures import smooth_noise

Field = NDArray[np.float32]


def background(rng: Random, height: int, width: int) -> tuple[Field, NDArray[np.uint8]]:
    """The background: wall, floor and wall, corner, slope or hills.

    Returns:
        Inverse depth, about 0 to 0.5, and which piece (0, 1, 2) of the room each pixel belongs to.
    """
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    piece = np.zeros((height, width), np.uint8)
    draw = rng.random()
    lean = rng.normal(0, 0.04 if draw < 0.7 else 0.15, 2).astype(np.float32)
    wall = np.asarray(lean[0] * x + lean[1] * y, np.float32)
    if draw < 0.2 or 0.7 <= draw < 0.87:
        return wall, piece
    if draw >= 0.87:
        hills = smooth_noise(rng, height, width, rng.uniform(1, 4), rng.uniform(1, 4))
        return hills * np.float32(rng.uniform(0.02, 0.15)), piece
    floor = np.float32(rng.uniform(0.15, 0.5)) * (y - np.float32(rng.uniform(-0.5, 0.6))) + wall * np.float32(0.3)
    piece[floor > wall] = 1
    room = np.maximum(wall, floor)
    if rng.random() < 0.4:
        slope = np.float32(rng.choice((-1.0, 1.0)) * rng.uniform(0.1, 0.5))
        side = slope * (x - np.float32(rng.uniform(-0.5, 0.5)))
        piece[side > room] = 2
        room = np.maximum(room, side)
    return room, piece


def object_surface(rng: Random, coverage: Coverage, nearness: float, bulge: float) -> Field:
    """Inverse depth of an object over its window: flat, slanted, round or wavy about `nearness`.

    Args:
        rng: source of chance.
        coverage: where the object is.
        nearness: inverse depth of its middle.
        bulge: how far its nearest point may stand out, in inverse depth.
    """
    height, width = coverage.share.shape
    rows, columns = coverage.window
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) - np.float32(coverage.centre[1]))[:, None]
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) - np.float32(coverage.centre[0]))[None]
    y, x = y / np.float32(coverage.radius), x / np.float32(coverage.radius)
    surface = np.full((height, width), nearness, np.float32)
    draw = rng.random()
    if draw < 0.25:
        return surface
    if draw < 0.85:
        slant = rng.normal(0, 0.5, 2) * bulge
        surface += np.float32(slant[0]) * x + np.float32(slant[1]) * y
    if 0.45 < draw < 0.95:
        surface += np.float32(bulge * rng.uniform(0.2, 1.2)) * _relief(rng, coverage, x, y)
    elif draw >= 0.95:
        surface += np.float32(bulge * 0.5) * smooth_noise(rng, height, width, rng.uniform(1, 5), rng.uniform(1, 5))
    return surface


def _relief(rng: Random, coverage: Coverage, x: Field, y: Field) -> Field:
    """A unit bulge: sphere, cylinder or cushion."""
    draw = rng.random()
    if draw < 0.35:
        return np.asarray(np.sqrt(np.maximum(0, 1 - x**2 - y**2)), np.float32)
    if draw < 0.65:
        height, width = coverage.share.shape
        along = (
            x * np.float32(coverage.radius * 2 / max(width, 1))
            if width < height
            else y * np.float32(coverage.radius * 2 / max(height, 1))
        )
        return np.asarray(np.sqrt(np.maximum(0, 1 - along**2)) + 0 * (x + y), np.float32)
    inside = (coverage.share >= 0.5).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    return np.asarray(np.sqrt(distance / max(float(distance.max()), 1.0)), np.float32)
