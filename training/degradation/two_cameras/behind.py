"""Continues far surfaces behind near ones in a drawn view, as `uncovered` does, for pinholes and with the source.

A hole is looked at along the epipolar line only as far as a parallax can open it, which is what makes it fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled
from training.degradation.two_cameras.layers import Drawn, Projection

_MARGIN = 1.0  # pixels: a hole's ends are whole pixels
_LEAST_MOTION = 1e-3  # pixels per 1 / m: below, there is no line to follow


def continued(drawn: Drawn, projection: Projection) -> Drawn:
    """The view with holes that a parallax opened filled from their farther end; other holes stay.

    Args:
        drawn: as `layers.draw` gives it; not changed.
        projection: that it was drawn by.
    """
    result = Drawn(drawn.inverse.copy(), drawn.source.copy())
    nearest = float(drawn.inverse.max(initial=0))
    _continue(drawn.inverse, drawn.source, projection.moved, nearest, result.inverse, result.source)
    return result


@compiled
def _continue(q: Any, source: Any, moved: Any, nearest: float, out: Any, out_source: Any) -> None:
    height, width = q.shape
    for y in range(height):
        for x in range(width):
            if q[y, x] > 0:
                continue
            mx, my = moved[0] - x * moved[2], moved[1] - y * moved[2]
            length = max(abs(mx), abs(my))
            if length < _LEAST_MOTION:
                continue
            dx, dy = mx / length, my / length
            reach = int(length * nearest + _MARGIN) + 1
            near, far, ends, gap, number = 0.0, np.inf, 0, -1, -1
            for sign in (-1, 1):
                for step in range(1, reach + 1):
                    row, column = y + int(np.rint(sign * step * dy)), x + int(np.rint(sign * step * dx))
                    if row < 0 or column < 0 or row >= height or column >= width:
                        break
                    value = q[row, column]
                    if value > 0:
                        near = max(near, value)
                        if value < far:
                            far, number = value, source[row, column]
                        ends, gap = ends + 1, gap + step
                        break
            if ends == 2 and gap <= length * (near - far) + _MARGIN:
                out[y, x], out_source[y, x] = far, number
