"""A picture of stated probabilities against found shares."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.fitting.live.calibration import TOLERANCE, Stated, bins

_SIDE, _MARGIN = 400, 50
_INK, _GRID, _BAND, _POINT = (60, 60, 60), (225, 225, 225), (225, 240, 225), (40, 40, 200)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def reliability_plot(stated: Stated) -> NDArray[np.uint8]:
    """Bins as dots, as large as the pixels that they stand for are many; honest is the diagonal, with its tolerance.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    page = np.full((_SIDE + 2 * _MARGIN, _SIDE + 2 * _MARGIN, 3), 255, np.uint8)
    band = [(0, -TOLERANCE), (0, TOLERANCE), (1, 1 + TOLERANCE), (1, 1 - TOLERANCE)]
    cv2.fillPoly(page, [np.array([_at(x, y) for x, y in band])], _BAND)
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        cv2.line(page, _at(tick, 0), _at(tick, 1), _GRID, 1)
        cv2.line(page, _at(0, tick), _at(1, tick), _GRID, 1)
        left, bottom = _at(0, tick), _at(tick, 0)
        cv2.putText(page, f"{tick:g}", (left[0] - 38, left[1] + 4), _FONT, 0.4, _INK, 1, cv2.LINE_AA)
        cv2.putText(page, f"{tick:g}", (bottom[0] - 10, bottom[1] + 18), _FONT, 0.4, _INK, 1, cv2.LINE_AA)
    cv2.line(page, _at(0, 0), _at(1, 1), _INK, 1, cv2.LINE_AA)
    for one in bins(stated):
        cv2.circle(page, _at(one.stated, one.found), round(3 + 12 * one.pixels**0.5), _POINT, -1, cv2.LINE_AA)
    title = "error below 1 cm or 1 %: found (up) against stated (right)"
    cv2.putText(page, title, (_MARGIN - 8, _MARGIN - 22), _FONT, 0.43, _INK, 1, cv2.LINE_AA)
    return page


def _at(stated: float, found: float) -> tuple[int, int]:
    return round(_MARGIN + _SIDE * stated), round(_MARGIN + _SIDE * (1 - found))
