"""A plot of time against pixels, both logarithmic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 600, 80, 200, 40, 60
_COLOURS = (
    (200, 110, 20), (40, 130, 230), (60, 160, 60), (170, 60, 170), (40, 40, 200), (120, 120, 20), (90, 90, 90),
    (40, 80, 130), (170, 130, 240), (230, 200, 60),
)  # fmt: skip
_INK, _GRID = (60, 60, 60), (225, 225, 225)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def scaling_plot(lines: Mapping[str, Points], path: Path) -> None:
    """Draws lines of (megapixels, milliseconds) by name into a PNG.

    Raises:
        ValueError: there is nothing to draw.
    """
    points = [point for line in lines.values() for point in line]
    if not points:
        raise ValueError("plot: expected points, found none")
    x_range, y_range = (_decades([p[axis] for p in points]) for axis in (0, 1))
    image = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    _axes(image, x_range, y_range)
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        corners = [(_along(x, x_range, _LEFT, _WIDTH - _RIGHT), _up(y, y_range)) for x, y in sorted(line)]
        cv2.polylines(image, [np.array(corners, np.int32)], False, colour, 2, cv2.LINE_AA)
        for corner in corners:
            cv2.circle(image, corner, 4, colour, -1, cv2.LINE_AA)
        at = (_WIDTH - _RIGHT + 15, _TOP + 22 * (number + 1))
        cv2.putText(image, name, at, _FONT, 0.45, colour, 1, cv2.LINE_AA)
    if not cv2.imwrite(str(path), image):
        raise ValueError(f"{path}: expected a file name that can be written")


def _axes(image: NDArray[np.uint8], x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
    for value in _ticks(x_range):
        x = _along(value, x_range, _LEFT, _WIDTH - _RIGHT)
        cv2.line(image, (x, _TOP), (x, _HEIGHT - _BOTTOM), _GRID, 1)
        cv2.putText(image, f"{value:g}", (x - 12, _HEIGHT - _BOTTOM + 20), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    for value in _ticks(y_range):
        y = _up(value, y_range)
        cv2.line(image, (_LEFT, y), (_WIDTH - _RIGHT, y), _GRID, 1)
        cv2.putText(image, f"{value:g}", (15, y + 5), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    cv2.putText(image, "megapixels of colour", (_LEFT, _HEIGHT - 15), _FONT, 0.5, _INK, 1, cv2.LINE_AA)
    cv2.putText(image, "milliseconds per frame", (15, 25), _FONT, 0.5, _INK, 1, cv2.LINE_AA)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    return min(values) / 1.3, max(values) * 1.3


def _ticks(limits: tuple[float, float]) -> list[float]:
    powers = range(int(np.floor(np.log10(limits[0]))), int(np.ceil(np.log10(limits[1]))) + 1)
    values = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return [value for value in values if limits[0] <= value <= limits[1]]


def _along(value: float, limits: tuple[float, float], first: int, last: int) -> int:
    share = np.log(value / limits[0]) / np.log(limits[1] / limits[0])
    return round(first + share * (last - first))


def _up(value: float, limits: tuple[float, float]) -> int:
    return _along(value, limits, _HEIGHT - _BOTTOM, _TOP)
