"""Fuses neighbouring frames into one view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.registration import MEASURED, Registration, RegistrationOptions
from depth_sr_ros.cameras.transforms import Matrix

Depth = NDArray[np.float32]


@dataclass(frozen=True)
class FusionOptions:
    """How frames are fused.

    Attributes:
        neighbours: how many frames, half of them before and half after, as far as there are; the frame itself is not
            among them, so that it can be judged by the result.
        agree: share of the depth within which frames agree with the median.
        least: frames that have to agree.
        jump: share by which neighbouring pixels differ at a jump.
        margin: pixels on either side of a jump that are left out: their depth may be mixed, or the wrong surface's.
    """

    neighbours: int = 20
    agree: float = 0.02
    least: int = 6
    jump: float = 0.03
    margin: int = 2

    def __post_init__(self) -> None:
        if not (self.neighbours >= self.least >= 1 and self.agree > 0 and self.jump > 0 and self.margin >= 0):
            raise ValueError(
                "fusion: expected neighbours >= least >= 1, agree and jump above 0 and margin not negative, found "
                f"{self}"
            )


@dataclass(frozen=True)
class Fused:
    """A view of many frames.

    Attributes:
        depth: (H, W) float32 metres, NaN where too few frames agree.
        frames: (H, W) uint8, how many agree.
    """

    depth: Depth
    frames: NDArray[np.uint8]


def neighbours_of(index: int, count: int, wanted: int) -> list[int]:
    """The frames nearest to a frame, itself left out: half before and half after, more from one side near an end."""
    first = min(max(0, index - wanted // 2), max(0, count - wanted - 1))
    return [other for other in range(first, min(count, first + wanted + 1)) if other != index]


def without_jumps(depth: Depth, options: FusionOptions) -> Depth:
    """Depth (h, w) with NaN beside jumps."""
    if not options.margin:
        return depth
    known, square = np.isfinite(depth), np.ones((3, 3), np.uint8)
    near = cv2.erode(np.where(known, depth, np.float32(np.inf)), square).astype(np.float64)
    far = cv2.dilate(np.where(known, depth, np.float32(0)), square).astype(np.float64)
    jumps = (np.isfinite(near) & (far > (1 + options.jump) * near)).astype(np.uint8)
    side = 2 * options.margin - 1
    beside = cv2.dilate(jumps, np.ones((side, side), np.uint8))
    return np.where(beside > 0, np.float32(np.nan), depth)


def fuse(
    depths: Sequence[Depth],
    to_view: Sequence[Matrix],
    camera: Camera,
    view: Camera,
    options: FusionOptions | None = None,
) -> Fused:
    """Fuses frames of one depth camera into a view.

    Args:
        depths: (h, w) float32 metres each, NaN where not measured; not changed.
        to_view: (4, 4) each, takes points in metres from the depth camera's optical frame, as it stood then, to the
            view's.
        camera: the depth camera.
        view: the camera whose pixels the result lies on.
        options: how.

    Raises:
        ValueError: not one motion for each frame, or none of them meets the view.
    """
    chosen = options or FusionOptions()
    brought = [
        warped
        for depth, motion in zip(depths, to_view, strict=True)
        if (warped := _brought(without_jumps(depth, chosen), motion, camera, view)) is not None
    ]
    if not brought:
        raise ValueError(f"fusion: expected frames that meet the view, found none of {len(depths)}; check the poses")
    return _agreed(np.stack(brought), chosen)


def _brought(depth: Depth, motion: Matrix, camera: Camera, view: Camera) -> Depth | None:
    try:
        registered = Registration(camera, view, motion, RegistrationOptions(fill=False))(depth)
    except (FrameError, ValueError):  # the camera looked elsewhere, or nothing is left of the frame
        return None
    return np.where(registered.quality == MEASURED, registered.start, np.float32(np.nan))


def _agreed(stack: NDArray[np.float32], options: FusionOptions) -> Fused:
    ordered = np.sort(stack, axis=0)  # not-a-number comes last
    count = np.isfinite(stack).sum(axis=0)
    middle = np.maximum(count - 1, 0) // 2  # the lower of two: always a value that was measured
    median = np.take_along_axis(ordered, middle[None], axis=0)[0]
    with np.errstate(invalid="ignore"):
        frames = (np.abs(stack - median) <= np.float32(options.agree) * median).sum(axis=0)
    return Fused(np.where(frames >= options.least, median, np.float32(np.nan)), frames.astype(np.uint8))
