"""Parts of kernels that draw triangles: of what meets in a pixel, the largest inverse depth stays."""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import inlined

_F32 = np.float32
_EDGE = _F32(1e-4)  # of a triangle: what rounding leaves between two that share a side


@inlined
def triangle(
    buffer: Any,
    first: Any,
    last: Any,
    u0: Any,
    v0: Any,
    w0: Any,
    u1: Any,
    v1: Any,
    w1: Any,
    u2: Any,
    v2: Any,
    w2: Any,
) -> Any:
    """Draws rows `first` to `last` of a triangle, corners clockwise; returns how many pixels it covers.

    A triangle that is seen from behind covers none.
    """  # fmt: skip
    left, right = max(min(u0, u1, u2), _F32(0)), min(max(u0, u1, u2), _F32(buffer.shape[1] - 1))
    top, bottom = max(min(v0, v1, v2), _F32(first)), min(max(v0, v1, v2), _F32(last - 1))
    if not (top - _EDGE <= bottom + _EDGE and left - _EDGE <= right + _EDGE):
        return 0
    top_row, last_row = np.int64(np.ceil(top - _EDGE)), np.int64(np.floor(bottom + _EDGE))
    left_column, last_column = np.int64(np.ceil(left - _EDGE)), np.int64(np.floor(right + _EDGE))
    ax, ay, bx, by = u1 - u0, v1 - v0, u2 - u0, v2 - v0
    area = ax * by - bx * ay
    if top_row > last_row or left_column > last_column or not area > _F32(1e-9):
        return 0
    inverse = _F32(1) / area
    ax, ay, bx, by = ax * inverse, ay * inverse, bx * inverse, by * inverse
    low, high = min(w0, w1, w2), max(w0, w1, w2)
    drawn = 0
    for y in range(top_row, last_row + 1):
        dy = _F32(y) - v0
        for x in range(left_column, last_column + 1):
            dx = _F32(x) - u0
            p, q = dx * by - dy * bx, dy * ax - dx * ay
            if p >= -_EDGE and q >= -_EDGE and p + q <= _F32(1) + _EDGE:
                value = min(max(w0 + p * (w1 - w0) + q * (w2 - w0), low), high)
                drawn += 1
                if value > buffer[y, x]:
                    buffer[y, x] = value
    return drawn


@inlined
def square(
    buffer: Any,
    first: Any,
    last: Any,
    u0: Any,
    v0: Any,
    w0: Any,
    u1: Any,
    v1: Any,
    w1: Any,
    u2: Any,
    v2: Any,
    w2: Any,
    u3: Any,
    v3: Any,
    w3: Any,
) -> None:
    """Draws rows `first` to `last` of two triangles, 0 1 2 and 0 2 3, at once; corners clockwise."""  # fmt: skip
    left, right = min(min(u0, u1), min(u2, u3)), max(max(u0, u1), max(u2, u3))
    top, bottom = min(min(v0, v1), min(v2, v3)), max(max(v0, v1), max(v2, v3))
    left, right = max(left, _F32(0)) - _EDGE, min(right, _F32(buffer.shape[1] - 1)) + _EDGE
    top, bottom = max(top, _F32(first)) - _EDGE, min(bottom, _F32(last - 1)) + _EDGE
    if not (top <= bottom and left <= right):
        return
    top_row, last_row = np.int64(np.ceil(top)), np.int64(np.floor(bottom))
    left_column, last_column = np.int64(np.ceil(left)), np.int64(np.floor(right))
    if top_row > last_row or left_column > last_column:
        return
    ax, ay, bx, by, cx, cy = u1 - u0, v1 - v0, u2 - u0, v2 - v0, u3 - u0, v3 - v0
    one, other = ax * by - bx * ay, bx * cy - cx * by
    one = _F32(1) / one if one > _F32(1e-9) else _F32(0)
    other = _F32(1) / other if other > _F32(1e-9) else _F32(0)
    low, high = min(w0, w2), max(w0, w2)
    for y in range(top_row, last_row + 1):
        dy = _F32(y) - v0
        for x in range(left_column, last_column + 1):
            dx = _F32(x) - u0
            side = dx * by - dy * bx  # of the diagonal
            if side > 0:
                scale, p, q, third = one, side * one, (dy * ax - dx * ay) * one, w1
            else:
                scale, p, q, third = other, -side * other, (dx * cy - dy * cx) * other, w3
            if scale > 0 and p >= -_EDGE and q >= -_EDGE and p + q <= _F32(1) + _EDGE:
                value = w0 + p * (third - w0) + q * (w2 - w0)
                value = min(max(value, min(low, third)), max(high, third))
                if value > buffer[y, x]:
                    buffer[y, x] = value
