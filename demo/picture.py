"""The picture that the demo leaves: what came in, the best classical chain and the output, side by side.

Its columns are what was published and the truth, depth as a driver aligns it, the classical chain, and the output. Its
rows are depth, error where the truth is known, and the point cloud from the side where the camera is.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.clouds import SideView
from demo.comparison import Compared, rms
from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours

Image = NDArray[np.uint8]
Depth = NDArray[np.float32]

_WIDTH = 480  # of a panel, pixels
_NAMES = ("input, aligned by a driver", "registered, joint bilateral", "output of the node")


def picture(frame: Compared, title: str) -> Image:
    """The picture of one frame, (H, W, 3) uint8 BGR; rows that cannot be known are left out."""
    size = round(_WIDTH * frame.rgb.shape[0] / frame.rgb.shape[1]), _WIDTH
    scale = Scale.of_depth(frame.output)
    height, width = frame.rgb.shape[:2]
    colour = Panel(_shrunk(np.ascontiguousarray(frame.rgb[..., ::-1]), size), f"colour {width}x{height}")
    height, width = frame.raw.shape
    raw = Panel(_fitted(false_colours(frame.raw, scale), size), f"depth as published, {width}x{height}")
    rows = [[colour, *_depths(frame, scale, size)]]
    if frame.truth is not None:
        rows.append([raw, *_errors(frame, frame.truth, size)])
    if frame.camera is not None:
        view = SideView.around(frame.output, frame.camera, size)
        first = raw if frame.truth is None else Panel(view.draw(frame.truth, frame.rgb), "cloud from the side: truth")
        rows.append([first, *_clouds(frame, view)])
    if len(rows) == 1:
        rows[0].insert(1, raw)
    return compose([panel for row in rows for panel in row], columns=len(rows[0]), title=title)


def _columns(frame: Compared) -> tuple[Depth, Depth, Depth]:
    return frame.peers.aligned, frame.peers.classical, frame.output


def _depths(frame: Compared, scale: Scale, size: tuple[int, int]) -> list[Panel]:
    images = [_shrunk(false_colours(depth, scale), size) for depth in _columns(frame)]
    return _last_has_bar([Panel(image, name) for image, name in zip(images, _NAMES, strict=True)], scale)


def _errors(frame: Compared, truth: Depth, size: tuple[int, int]) -> list[Panel]:
    maps = [np.abs(depth - truth) * 1000 for depth in _columns(frame)]
    scale = Scale(0, _round_up(float(np.nanpercentile(maps[-1], 97))), "mm", "error")
    found = frame.aligned_errors(), frame.errors(frame.peers.classical), frame.errors(frame.output)
    told = [f"|error|: mean {1e3 * errors.mean():.3g} mm, RMS {1e3 * rms(errors):.3g} mm" for errors in found]
    told[0] += f" ({frame.coverage(frame.peers.aligned):.0%} covered)"
    images = [_shrunk(false_colours(values, scale), size) for values in maps]
    return _last_has_bar([Panel(image, caption) for image, caption in zip(images, told, strict=True)], scale)


def _clouds(frame: Compared, view: SideView) -> list[Panel]:
    return [Panel(view.draw(depth, frame.rgb), name) for depth, name in zip(_columns(frame), _NAMES, strict=True)]


def _last_has_bar(panels: list[Panel], scale: Scale) -> list[Panel]:
    return [*panels[:-1], Panel(panels[-1].image, panels[-1].caption, scale)]


def _shrunk(image: Image, size: tuple[int, int]) -> Image:
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    """As large as fits, in its own proportions, pixel by pixel."""
    zoom = min(size[0] / image.shape[0], size[1] / image.shape[1])
    height, width = (max(1, round(side * zoom)) for side in image.shape[:2])
    page = np.zeros((*size, 3), np.uint8)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    large = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST)
    page[top : top + height, left : left + width] = large
    return page


def _round_up(value: float) -> float:
    """The next of 5, 10, 20, 50, 100 … (5 for NaN)."""
    steps = (step * 10.0**power for power in range(6) for step in (1, 2, 5))
    return next(step for step in steps if step >= 5 and not value > step)
