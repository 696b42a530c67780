"""Curves of errors over the ratio of colour to depth pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.cameras.methods import METHODS
from bench.cameras.report import mean_of
from training.degradation.two_cameras.known_cameras import SWEEP

Line = Sequence[tuple[float, float]]

PANELS = {"mae": "mean absolute error, mm: all pixels", "edges": "within 4 px of depth edges", "elsewhere": "elsewhere"}
"""Scores that are drawn, and their titles."""

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM, _LEGEND = 380, 380, 44, 40, 40, 290
_COLOURS = (
    (150, 150, 150), (200, 160, 60), (40, 40, 200), (60, 160, 60), (170, 60, 170), (30, 140, 240), (120, 120, 20),
    (20, 20, 20),
)  # fmt: skip
_INK, _GRID = (60, 60, 60), (225, 225, 225)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def lines_of(results: Mapping[str, Any], group: str, score: str) -> dict[str, list[tuple[float, float]]]:
    """Points (ratio, score) by method, of a group of scenes."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for method in METHODS:
        for camera, model in SWEEP.items():
            row = mean_of(results, camera, method, group)
            if row is not None:
                lines.setdefault(method, []).append((model.ratio, row[score]))
    return lines


def curves(results: Mapping[str, Any], group: str) -> NDArray[np.uint8]:
    """One panel for each of `PANELS`, a legend at their right; (H, W, 3) uint8 BGR.

    Raises:
        ValueError: the sweep was not measured on this group.
    """
    panels = {score: lines_of(results, group, score) for score in PANELS}
    if not any(panels.values()):
        raise ValueError(f"curves: expected a sweep over {group}, found none; run `python -m bench.cameras`")
    page = np.full((_HEIGHT, _WIDTH * len(panels) + _LEGEND, 3), 255, np.uint8)
    for number, (score, lines) in enumerate(panels.items()):
        _panel(page[:, number * _WIDTH : (number + 1) * _WIDTH], PANELS[score], lines)
    for number, name in enumerate(panels["mae"]):
        x, y = _WIDTH * len(panels) + 10, _TOP + 24 * number + 10
        cv2.line(page, (x, y - 4), (x + 22, y - 4), _colour(name), 2, cv2.LINE_AA)
        cv2.putText(page, METHODS[name][0], (x + 30, y), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    return page


def _panel(area: NDArray[np.uint8], title: str, lines: Mapping[str, Line]) -> None:
    top = max(value for line in lines.values() for _, value in line) * 1.05
    right = max(ratio for line in lines.values() for ratio, _ in line)
    image = np.ascontiguousarray(area)

    def at(ratio: float, value: float) -> tuple[int, int]:
        width, height = _WIDTH - _LEFT - 15, _HEIGHT - _TOP - _BOTTOM
        return round(_LEFT + width * ratio / right), round(_TOP + height * (1 - value / top))

    for value in _ticks(top):
        cv2.line(image, at(0, value), at(right, value), _GRID, 1)
        cv2.putText(image, f"{value:g}", (6, at(0, value)[1] + 5), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    for ratio in sorted({ratio for line in lines.values() for ratio, _ in line}):
        cv2.line(image, at(ratio, 0), at(ratio, top), _GRID, 1)
        x, y = at(ratio, 0)
        cv2.putText(image, f"{ratio:g}", (x - 4, y + 18), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    for name, line in lines.items():
        corners = np.array([at(*point) for point in line], np.int32)
        cv2.polylines(image, [corners], False, _colour(name), 2, cv2.LINE_AA)
        for corner in corners.tolist():
            cv2.circle(image, corner, 3, _colour(name), -1, cv2.LINE_AA)
    cv2.putText(image, title, (_LEFT, 22), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    cv2.putText(image, "colour pixels per depth pixel", (_LEFT + 60, _HEIGHT - 6), _FONT, 0.42, _INK, 1, cv2.LINE_AA)
    area[:] = image


def _colour(method: str) -> tuple[int, int, int]:
    return _COLOURS[list(METHODS).index(method) % len(_COLOURS)]


def _ticks(top: float) -> list[float]:
    step = next(step for power in range(-3, 6) for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
                if top / step <= 6)  # fmt: skip
    return [step * number for number in range(int(top / step) + 1)]
