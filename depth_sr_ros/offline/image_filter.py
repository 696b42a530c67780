"""Ordinary images in the place of depth: joint denoising, texture removal, saliency-map upsampling.

The networks' other uses in "Deformable Kernel Networks for Joint Image Filtering" (Kim, Ponce, Ham, IJCV 2021,
supplement, Section 4.1): the channels of an image are given one by one as depth, with a guide beside them. With weights
of scale 1, trained to remove noise, the result is as large as the image and can be filtered again: flash/no-flash and
RGB/NIR denoising take the flash or infrared image as guide, texture removal takes the image as its own guide and four
rounds. With weights of a larger scale a single-channel map, as of saliency, is upsampled under a colour guide.

In an image 0 is a value, whereas in depth it is a hole; so one is added to every value before the network and taken off
again behind it. Between rounds values stay real numbers; only the last ones are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.recordings.image_files import read_colour
from depth_sr_ros.upsampler import Upsampler

Values = NDArray[np.float32]


class ImageError(ValueError):
    """An image that cannot be filtered this way; the message says what was expected, found and what to change."""


@dataclass(frozen=True)
class Task:
    """What shall be filtered by what.

    Attributes:
        target: 8-bit image, (h, w) or (h, w, 3) RGB; 16 bits for three channels.
        guide: (H, W, 3) uint8 RGB; None takes the target, and then each round's result is the next one's guide.
    """

    target: NDArray[Any]
    guide: NDArray[np.uint8] | None = None


def is_image(path: Path) -> bool:
    """Whether a file holds an ordinary image rather than depth: 8 bits, or several channels. False if unreadable."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
    return pixels is not None and (pixels.dtype == np.uint8 or pixels.ndim == 3)


def read_task(guide: Path, target: Path) -> Task:
    """Reads both files; one channel of a guide becomes three equal ones.

    The same file twice is an image that guides itself.

    Raises:
        FrameError: the guide cannot be read.
        ImageError: the target is no 8-bit image of one or three channels, nor a 16-bit one of three.
    """
    colour = read_colour(guide)
    pixels = cv2.imread(str(target), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ImageError(f"{target}: expected an image, found data that cannot be decoded")
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if (str(pixels.dtype), channels) not in (("uint8", 1), ("uint8", 3), ("uint16", 3)):
        raise ImageError(
            f"{target}: expected an image of 1 or 3 channels with 8 bits, found {channels} channel(s) of "
            f"{pixels.dtype}; convert it"
        )
    image = np.ascontiguousarray(pixels[..., ::-1] if channels == 3 else pixels)
    return Task(image, None if guide.samefile(target) else colour)


def filter_image(
    upsampler: Upsampler, task: Task, rounds: int = 1, progress: Callable[[int], None] = lambda done: None
) -> NDArray[Any]:
    """Filters or upsamples an image channel by channel.

    A guide of its own stays the same in all rounds. An image that guides itself is, as in the paper, the network's
    guide and target, and the network is applied to what it gave: guide and target of a round are the result of the
    one before.

    Args:
        upsampler: its weights' scale says what is done: 1 filters, a larger one upsamples.
        task: see `Task`.
        rounds: how often the network is applied.
        progress: told after every channel how many are done, over all rounds.

    Returns:
        The image in the target's type and channels, of the guide's size.

    Raises:
        ImageError: no scale, several rounds or colour at a scale above 1, or sizes that do not fit the scale.
    """
    _check(upsampler, task, rounds)
    kind = task.target.dtype
    values = np.atleast_3d(task.target).astype(np.float32)
    for number in range(rounds):
        guide = _as_guide(values, kind) if task.guide is None else task.guide
        channels = []
        for channel in range(values.shape[2]):
            channels.append(_filtered(upsampler, guide, values[..., channel]))
            progress(number * values.shape[2] + channel + 1)
        values = np.stack(channels, axis=-1)
    result = _rounded(values, kind)
    return result if task.target.ndim == 3 else result[..., 0]


def _filtered(upsampler: Upsampler, guide: NDArray[np.uint8], values: Values) -> Values:
    """One channel; values are moved up by one so that none is taken for a hole."""
    return upsampler(guide, np.ascontiguousarray(values + 1)).depth - np.float32(1)


def _as_guide(values: Values, kind: np.dtype[Any]) -> NDArray[np.uint8]:
    """The image as three channels of 8 bits."""
    eight_bits = _rounded(values * np.float32(255 / np.iinfo(kind).max), np.dtype(np.uint8))
    return np.ascontiguousarray(np.broadcast_to(eight_bits, (*values.shape[:2], 3)))


def _rounded(values: Values, kind: np.dtype[Any]) -> NDArray[Any]:
    return np.clip(np.rint(values), 0, np.iinfo(kind).max).astype(kind)


def _check(upsampler: Upsampler, task: Task, rounds: int) -> None:
    info = upsampler.describe()
    if info.scale == 0:
        raise ImageError(
            "expected weights or a scale, since an image has no distances that a depth camera's filter could go by; "
            "give weights of scale 1 to filter, or a scale such as 8 to upsample"
        )
    if info.scale > 1 and rounds > 1:
        raise ImageError(
            f"repeat {rounds}: expected weights of scale 1, whose output has the size of their input, found "
            f"{info.model} (scale {info.scale}); give weights trained to remove noise, such as those of the recipe "
            "fdkn_x1_denoising, or remove the repetition"
        )
    if info.scale > 1 and task.target.ndim == 3:
        raise ImageError(
            f"target: {info.model} upsamples depth or a single-channel 8-bit map, found 3 channels; a picture of depth "
            "is not depth: save the raw depth with 16 bits. To filter in colour, give weights of scale 1"
        )
    small = task.target.shape[:2]
    large = small if task.guide is None else task.guide.shape[:2]
    if any(abs(pixels - cells * info.scale) >= info.scale for pixels, cells in zip(large, small, strict=True)):
        ratio = "the guide's size" if info.scale == 1 else f"1/{info.scale} of the guide's size"
        raise ImageError(
            f"target: expected {ratio} for {info.model}, found {small[1]}x{small[0]} beside a guide of "
            f"{large[1]}x{large[0]}; resize one of them, or give weights of another scale"
        )
