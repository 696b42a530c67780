"""Pieces of images with measured or rendered depth.

Of a stereo pair's disparity d any Z = B f / (d + o) is a valid scene: planes stay planes. So each piece of such an
image gets a nearest distance, a depth range and a focal length of its own. Of metric depth the same holds for Z times
a factor; its focal length goes with the piece's enlargement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from training.datasets.live.scenes import ScenePiece, centred, draw_focal
from training.datasets.pairs import Pair
from training.datasets.units import metres_per_unit
from training.degradation.two_cameras.layers import Layer
from training.degradation.two_cameras.ranges import log_uniform

NEAREST = (0.4, 2.5)
"""Metres of the nearest point of an image, its logarithm uniform."""

RELIEF = (1.15, 6.0)
"""How many times farther its farthest point is, its logarithm uniform."""

ZOOMS = (0.7, 2.0)
"""Enlargements of a piece, the logarithm uniform."""

_LARGER = (0.6, 1.7)  # factor on metric depth
_EDGE = 0.03  # share of inverse depth
_WINDOWS = 2  # places that are looked at; the one with more edges is taken, since smooth ones teach little


@dataclass(frozen=True)
class DepthImage:
    """An image whose inverse depth is known, up to a line or in metres.

    Attributes:
        rgb: (H, W, 3) uint8.
        inverse: (H, W) float32, grows towards the camera; dense.
        known: (H, W) bool, where it is real.
        focal: pixels, of metric depth; 0 where `inverse` is known up to a line.
    """

    rgb: NDArray[np.uint8]
    inverse: NDArray[np.float32]
    known: NDArray[np.bool_]
    focal: float = 0.0


def depth_image(pair: Pair, focal: float = 0.0) -> DepthImage:
    """A pair's.

    Args:
        pair: disparity, or metric depth.
        focal: of metric depth, pixels.

    Raises:
        ValueError: depth without a metric unit or a focal length.
    """
    if pair.entry.kind == "disparity":
        smooth = without_steps(pair.target, pair.entry.quantum)
        return DepthImage(pair.rgb, from_farther_side(smooth, pair.valid), pair.valid)
    metres = metres_per_unit(pair.entry)
    if metres is None or not focal > 0:
        raise ValueError(
            f"{pair.entry.dataset} {pair.entry.name}: expected disparity, or depth in m, cm or mm and a focal length, "
            f"found unit {pair.entry.unit!r} and focal length {focal}"
        )
    inverse = (1 / (pair.target * np.float32(metres))).astype(np.float32)
    return DepthImage(pair.rgb, from_farther_side(inverse, pair.valid), pair.valid, focal)


def without_steps(values: NDArray[np.float32], step: float) -> NDArray[np.float32]:
    """Values (H, W) that were rounded to steps, smoothed on surfaces, none moved by more than half a step."""
    smooth = values
    for _ in range(3):
        smooth = np.asarray(cv2.bilateralFilter(smooth, 11, step * 1.2, 5.0), np.float32)
        smooth = np.clip(smooth, values - np.float32(step / 2), values + np.float32(step / 2))
    return smooth


def from_farther_side(inverse: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Holes of a stereo image, (H, W), filled along rows from their farther end: most of them are hidden background."""
    columns = np.arange(known.shape[1])
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, len(columns))[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(len(known))[:, None]
    left = np.where(before >= 0, inverse[rows, np.maximum(before, 0)], np.inf)
    right = np.where(after < len(columns), inverse[rows, np.minimum(after, len(columns) - 1)], np.inf)
    farther = np.minimum(left, right)
    # a row without any knows what the nearest pixel does, which the pair holds already
    return np.where(known | ~np.isfinite(farther), inverse, farther).astype(np.float32)


class ImagePieces:
    """Pieces of images.

    Args:
        images: to cut from.
        weights: relative chance of each.

    Raises:
        ValueError: no images, or not one weight for each.
    """

    def __init__(self, images: Sequence[DepthImage], weights: Sequence[float]) -> None:
        if not images or len(images) != len(weights):
            raise ValueError(f"expected one weight per image, found {len(images)} images and {len(weights)} weights")
        self._images = list(images)
        self._chance = np.asarray(weights, dtype=np.float64) / np.sum(weights)

    def piece(self, side: int, rng: np.random.Generator) -> ScenePiece:
        """A piece of one of them."""
        image = self._images[int(rng.choice(len(self._images), p=self._chance))]
        inverse, focal = _metric(image, rng)
        window, zoom = _window(inverse, side, rng)
        known = image.known[window]
        shape = (side, side)
        method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
        rgb = np.asarray(cv2.resize(np.ascontiguousarray(image.rgb[window]), shape, interpolation=method), np.uint8)
        cut = resized(inverse[window], shape)
        mask = cv2.resize(known.astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST).astype(bool)
        truth = np.where(mask, 1 / cut, np.float32(np.nan)).astype(np.float32)
        return ScenePiece(rgb, (Layer(cut),), truth, _camera(side, focal * zoom, rng), whole=False)


def _camera(side: int, focal: float, rng: np.random.Generator) -> Intrinsics:
    return centred(side, focal if focal > 0 else draw_focal(rng))


def _metric(image: DepthImage, rng: np.random.Generator) -> tuple[NDArray[np.float32], float]:
    """Inverse depth in 1 / metres, and the focal length, 0 for any."""
    if image.focal > 0:
        factor = log_uniform(_LARGER, rng)
        return image.inverse / np.float32(factor), image.focal
    low, high = float(image.inverse.min()), float(image.inverse.max())
    near, relief = log_uniform(NEAREST, rng), log_uniform(RELIEF, rng)
    share = (image.inverse - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return (1 + np.float32(relief - 1) * share) / np.float32(near * relief), 0.0


def _window(inverse: NDArray[np.float32], side: int, rng: np.random.Generator) -> tuple[tuple[slice, slice], float]:
    """Where to cut, and by what the cut is enlarged."""
    zoom = log_uniform(ZOOMS, rng)
    own = min(max(round(side / zoom), 16), *inverse.shape)
    places = []
    for _ in range(_WINDOWS):
        top, left = (int(rng.integers(whole - own + 1)) for whole in inverse.shape)
        places.append((slice(top, top + own), slice(left, left + own)))
    return max(places, key=lambda place: _edges(inverse[place])), side / own


def _edges(inverse: NDArray[np.float32]) -> int:
    coarse = inverse[::2, ::2]
    across, down = np.abs(np.diff(coarse, axis=1)), np.abs(np.diff(coarse, axis=0))
    return int((across > _EDGE * coarse[:, 1:]).sum() + (down > _EDGE * coarse[1:]).sum())


def resized(inverse: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Inverse depth (h, w) at another (width, height): linear on surfaces, one side or the other at edges."""
    inverse = np.ascontiguousarray(inverse)
    if shape[0] <= inverse.shape[1]:
        return np.asarray(cv2.resize(inverse, shape, interpolation=cv2.INTER_NEAREST), np.float32)
    smooth = cv2.resize(inverse, shape, interpolation=cv2.INTER_LINEAR)
    square = np.ones((3, 3), np.uint8)
    low = cv2.resize(cv2.erode(inverse, square), shape, interpolation=cv2.INTER_NEAREST)
    high = cv2.resize(cv2.dilate(inverse, square), shape, interpolation=cv2.INTER_NEAREST)
    side = np.where(smooth - low < high - smooth, low, high)
    return np.where(high - low > 2 * _EDGE * high, side, smooth).astype(np.float32)
