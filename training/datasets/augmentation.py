"""What is done to a crop before it is reduced: rotation, enlargement, depth remapping, colour jitter, flips.

The augmentation follows what worked on few real scenes: enlargement (small images stand in for large ones), flips and
transposes, colour gain and gamma, and remapping of the depth axis, since disparity and metric depth both occur.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.uint8]
Guide = NDArray[np.float32]
Depth = NDArray[np.float32]
Mask = NDArray[np.bool_]

FLIPS = ("all", "mirror", "none")


def cut(
    rgb: Colour, target: Depth, valid: Mask, window: tuple[slice, slice], degrees: float
) -> tuple[Colour, Depth, Mask]:
    """A window of colour, depth and mask, turned about its centre; what lies outside the image is not valid."""
    if degrees == 0:
        return rgb[window], target[window], valid[window]
    rows, columns = window
    size = columns.stop - columns.start, rows.stop - rows.start
    centre = (columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2
    turn = cv2.getRotationMatrix2D(centre, degrees, 1.0)
    turn[:, 2] -= columns.start, rows.start
    colour = cv2.warpAffine(rgb, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    depth = cv2.warpAffine(target, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(valid.astype(np.uint8), turn, size, flags=cv2.INTER_NEAREST)
    return np.asarray(colour, np.uint8), np.asarray(depth, np.float32), inside.astype(bool)


def enlarge(rgb: Colour, target: Depth, valid: Mask, size: tuple[int, int]) -> tuple[Colour, Depth, Mask]:
    """Colour (h, w, 3), depth and mask (h, w) at `size` (height, width); unchanged where they have that size."""
    if target.shape == size:
        return rgb, target, valid
    shape = (size[1], size[0])
    larger = cv2.resize(np.ascontiguousarray(valid).astype(np.uint8), shape, interpolation=cv2.INTER_NEAREST)
    colour = cv2.resize(rgb, shape, interpolation=cv2.INTER_CUBIC)
    return np.asarray(colour, np.uint8), _enlarge_depth(target, shape), larger.astype(bool)


def _enlarge_depth(target: Depth, shape: tuple[int, int]) -> Depth:
    """Linear on surfaces; at depth edges the nearer side, which keeps them sharp and their outline smooth."""
    target = np.ascontiguousarray(target)
    smooth = cv2.resize(target, shape, interpolation=cv2.INTER_LINEAR)
    three = np.ones((3, 3), np.uint8)
    low = cv2.resize(cv2.erode(target, three), shape, interpolation=cv2.INTER_NEAREST)
    high = cv2.resize(cv2.dilate(target, three), shape, interpolation=cv2.INTER_NEAREST)
    edge = (high - low) > 0.05 * (float(target.max()) - float(target.min()))
    side = np.where(smooth - low < high - smooth, low, high)
    return np.where(edge, side, smooth).astype(np.float32)


def remap_depth(target: Depth, valid: Mask, invert: float, reciprocal: float, rng: np.random.Generator) -> Depth:
    """Normalised depth, mirrored (1 - d) or turned into nearness (1 / (d + c)) with the chances given."""
    draw = rng.random()
    if draw < invert:
        return 1 - target
    if draw < invert + reciprocal:
        nearness = 1 / (target + np.exp(rng.uniform(np.log(0.2), np.log(2.0))))
        low, high = nearness[valid].min(), nearness[valid].max()
        return ((nearness - low) / (high - low)).astype(np.float32)
    return target


def jitter_colour(guide: Guide, rng: np.random.Generator) -> Guide:
    """Colour (H, W, 3) in [0, 1] under a random gain per channel and a random gamma."""
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.9, 1.1, size=3)
    gamma = np.exp(rng.uniform(np.log(0.7), np.log(1.4)))
    return np.clip(np.clip(guide * gain, 0, 1) ** gamma, 0, 1).astype(np.float32)


def flip(guide: Guide, target: Depth, valid: Mask, kind: str, rng: np.random.Generator) -> tuple[Guide, Depth, Mask]:
    """A random one of the flips that `kind` of `FLIPS` allows."""
    turns = rng.integers(2, size=3)
    if kind != "none" and turns[0]:
        guide, target, valid = guide[::-1], target[::-1], valid[::-1]
    if kind != "none" and turns[1]:
        guide, target, valid = guide[:, ::-1], target[:, ::-1], valid[:, ::-1]
    if kind == "all" and turns[2]:
        guide, target, valid = guide.swapaxes(0, 1), target.swapaxes(0, 1), valid.swapaxes(0, 1)
    return guide, target, valid
