"""Kernels that draw measured depth into the colour camera's view.

Everything is float32. Drawn is inverse depth, 0 for nothing: it is affine over a plane's image, so interpolation in it
is exact in perspective, and the nearest is the largest. Buffers are indexed [row, column].

* `place` takes depth pixels to the colour image;
* `join` finds which neighbours hang together;
* `cut_patches` lists the pixels beside a gap with the corners of their own squares;
* `draw_surfaces` draws each square of four neighbours that hang together as two triangles; of a square that does not, a
  corner with its two neighbours where these hang together;
* `draw_patches` draws own squares, each at its pixel's depth;
* `compose` joins both: the nearer wins, the surface where they agree.

Each works on a band of rows, of the depth image or of the colour image, and writes nothing outside of it, so that bands
can be worked on at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from depth_sr_ros.cameras.compiled import compiled, inlined
from depth_sr_ros.cameras.lens import BROWN, EQUIDISTANT, brown, equidistant

NOTHING, FILLED, FOOTPRINT, MEASURED = 0, 1, 2, 3
"""Qualities of a pixel, from worst to best."""

TOP, BOTTOM, LEFT, RIGHT, WHOLE = 1, 2, 4, 8, 15
"""Sides of a square of four depth pixels that hang together, and all of them."""

PATCH = 11
"""Numbers that describe the own square of a depth pixel."""

_F32 = np.float32
_NEAREST = _F32(0.01)  # metres in front of the colour camera; nearer, one pixel would cover the image
_EDGE = _F32(1e-4)  # of a triangle: what rounding leaves between two that share a side
_brown, _equidistant = inlined(brown), inlined(equidistant)


class View(NamedTuple):
    """The colour camera and where it stands, for kernels; numbers, not arrays, so that they stay in registers.

    Attributes:
        t: x, y, z of the depth camera's origin, metres.
        f: focal lengths, pixels.
        c: principal point.
        formula: of the lens.
        k: its coefficients.
        reach: how far from the axis it sees, at z = 1.
    """

    t: tuple[np.float32, ...]
    f: tuple[np.float32, ...]
    c: tuple[np.float32, ...]
    formula: int
    k: tuple[np.float32, ...]
    reach: np.float32


class Limits(NamedTuple):
    """Numbers that decide what hangs together and what counts.

    Attributes:
        low: least depth, metres; positive.
        high: largest depth, metres; finite.
        step: depth difference of neighbours that hang together, metres, at depth 0.
        slope: what it grows by per metre of depth.
    """

    low: np.float32
    high: np.float32
    step: np.float32
    slope: np.float32


@inlined
def _project(depth: Any, a: Any, b: Any, c: Any, view: View, limits: Limits, u: Any, v: Any, w: Any) -> None:
    """Columns, rows and inverse depths in the colour image of a row of rays at their depths.

    Inverse depth 0 stands for what is not measured or not seen. Loops without branches, so that they become vector
    instructions.
    """
    tx, ty, tz = view.t[0], view.t[1], view.t[2]
    fx, fy, cx, cy = view.f[0], view.f[1], view.c[0], view.c[1]
    low, high, reach = limits.low, limits.high, view.reach * view.reach
    for j in range(depth.size):
        z = depth[j]
        front = z * c[j] + tz
        inverse = _F32(1) / front
        x, y = (z * a[j] + tx) * inverse, (z * b[j] + ty) * inverse
        seen = (z >= low) & (z <= high) & (front > _NEAREST) & (x * x + y * y <= reach)
        u[j], v[j], w[j] = x, y, inverse if seen else _F32(0)
    if view.formula == BROWN:
        for j in range(depth.size):
            x, y = _brown(view.k, u[j], v[j])
            u[j], v[j] = x, y
    elif view.formula == EQUIDISTANT:
        for j in range(depth.size):
            x, y = _equidistant(view.k, u[j], v[j])
            u[j], v[j] = x, y
    for j in range(depth.size):
        u[j], v[j] = u[j] * fx + cx, v[j] * fy + cy


@compiled
def place(
    depth: Any, rays: Any, view: View, limits: Limits, first: int, last: int, u: Any, v: Any, w: Any, span: Any
) -> Any:
    """Takes depth pixels to the colour image.

    Args:
        depth: (h, w) metres, not-a-number where invalid.
        rays: (3, h, w) directions of the depth pixels in the colour camera's axes, per metre of depth.
        view: the colour camera.
        limits: which depth counts.
        first: first row.
        last: row after the last.
        u: result, columns.
        v: result, rows.
        w: result, inverse depth, 0 where nothing is seen.
        span: result, (h, 2) least and largest of `v` in each row.

    Returns:
        How many pixels are measured within the limits, how many beyond, and how many the colour camera could see.
    """
    within, measured, ahead = 0, 0, 0
    for i in range(first, last):
        row, rows, inverse = depth[i], v[i], w[i]
        _project(row, rays[0, i], rays[1, i], rays[2, i], view, limits, u[i], rows, inverse)
        top, bottom = _F32(np.inf), _F32(-np.inf)
        for j in range(row.size):
            within += (row[j] >= limits.low) & (row[j] <= limits.high)
            measured += (row[j] > _F32(0)) & (row[j] < _F32(np.inf))
            seen = inverse[j] > _F32(0)
            ahead += seen
            top = rows[j] if seen & (rows[j] < top) else top
            bottom = rows[j] if seen & (rows[j] > bottom) else bottom
        span[i, 0], span[i, 1] = top, bottom
    return within, measured - within, ahead


@inlined
def _hang(z: Any, other: Any, limits: Limits) -> Any:
    return abs(z - other) <= limits.step + limits.slope * min(z, other)


@compiled
def join(depth: Any, w: Any, limits: Limits, first: int, last: int, sides: Any) -> None:
    """Finds which neighbours hang together.

    Args:
        depth: (h, w) metres.
        w: as `place` leaves it.
        limits: what hangs together.
        first: first row.
        last: row after the last.
        sides: result, (h + 1, w + 1) bits: `TOP` + `BOTTOM` + `LEFT` + `RIGHT` for the sides of the square whose lower
            right corner is pixel (i, j) that hang together; 0 along the border.
    """
    for i in range(max(first, 1), last):
        upper, lower, over, under, out = depth[i - 1], depth[i], w[i - 1], w[i], sides[i]
        for j in range(1, lower.size):
            top = (over[j - 1] > 0) & (over[j] > 0) & _hang(upper[j - 1], upper[j], limits)
            bottom = (under[j - 1] > 0) & (under[j] > 0) & _hang(lower[j - 1], lower[j], limits)
            left = (over[j - 1] > 0) & (under[j - 1] > 0) & _hang(upper[j - 1], lower[j - 1], limits)
            right = (over[j] > 0) & (under[j] > 0) & _hang(upper[j], lower[j], limits)
            out[j] = np.uint8(top) | np.uint8(bottom) << 1 | np.uint8(left) << 2 | np.uint8(right) << 3


@compiled
def cut_patches(
    depth: Any,
    corners: Any,
    u: Any,
    v: Any,
    w: Any,
    view: View,
    limits: Limits,
    sides: Any,
    first: int,
    last: int,
    patches: Any,
) -> Any:
    """Lists the own squares of pixels that have a gap at one of their corners.

    Args:
        depth: (h, w) metres.
        corners: (3, h + 1, w + 1) directions of the pixels' corners, as `rays` of `place`.
        u: as `place` leaves it.
        v: as `place` leaves it.
        w: as `place` leaves it.
        view: the colour camera.
        limits: as `place` was given.
        sides: as `join` leaves it.
        first: first row.
        last: row after the last.
        patches: result, (h w, `PATCH`), this band's from number `first` w on: columns and rows of the corners,
            clockwise from the upper left, column and row of the middle, inverse depth. Corners are not-a-number where
            one is not seen.

    Returns:
        How many there are.
    """  # fmt: skip
    columns = depth.shape[1]
    cu, cv = np.empty((4, columns), np.float32), np.empty((4, columns), np.float32)
    cw = np.empty((4, columns), np.float32)
    number = first * columns
    for i in range(first, last):
        above, below = sides[i], sides[i + 1]
        gaps = 0
        for j in range(columns):
            gaps += (w[i, j] > 0) & ((above[j] & above[j + 1] & below[j] & below[j + 1]) != WHOLE)
        if gaps == 0:
            continue
        for corner in range(4):
            down, right = corner // 2, (corner + 1) // 2 % 2
            rays = corners[:, i + down, right : right + columns]
            _project(depth[i], rays[0], rays[1], rays[2], view, limits, cu[corner], cv[corner], cw[corner])
        for j in range(columns):
            if w[i, j] > 0 and (above[j] & above[j + 1] & below[j] & below[j + 1]) != WHOLE:
                patch = patches[number]
                seen = cw[0, j] > 0 and cw[1, j] > 0 and cw[2, j] > 0 and cw[3, j] > 0
                for corner in range(4):
                    patch[2 * corner] = cu[corner, j] if seen else _F32(np.nan)
                    patch[2 * corner + 1] = cv[corner, j] if seen else _F32(np.nan)
                patch[8], patch[9], patch[10] = u[i, j], v[i, j], w[i, j]
                number += 1
    return number - first * columns


@inlined
def _triangle(
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
def _square(
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


@compiled
def draw_surfaces(depth: Any, u: Any, v: Any, w: Any, span: Any, sides: Any, first: int, last: int, out: Any) -> None:
    """Draws squares of four neighbouring depth pixels.

    Args:
        depth: (h, w) metres.
        u: as `place` leaves it.
        v: as `place` leaves it.
        w: as `place` leaves it.
        span: as `place` leaves it.
        sides: as `join` leaves it.
        first: first row of the colour image.
        last: row after the last.
        out: result, (H, W) inverse depth, the nearest.
    """
    out[first:last] = _F32(0)
    for i in range(depth.shape[0] - 1):
        # a pixel more each way, for rounding
        if min(span[i, 0], span[i + 1, 0]) > _F32(last) or max(span[i, 1], span[i + 1, 1]) < _F32(first - 1):
            continue
        for j in range(depth.shape[1] - 1):
            hang = sides[i + 1, j + 1]
            if hang == 0:
                continue
            z00, z01, z10, z11 = depth[i, j], depth[i, j + 1], depth[i + 1, j], depth[i + 1, j + 1]
            w00, w01, w10, w11 = w[i, j], w[i, j + 1], w[i + 1, j], w[i + 1, j + 1]
            u00, u01, u10, u11 = u[i, j], u[i, j + 1], u[i + 1, j], u[i + 1, j + 1]
            v00, v01, v10, v11 = v[i, j], v[i, j + 1], v[i + 1, j], v[i + 1, j + 1]
            if hang == WHOLE:
                # the diagonal over the smaller step, the nearer one where both are alike
                falling, rising = abs(z00 - z11), abs(z01 - z10)
                if falling < rising or (falling == rising and z00 + z11 <= z01 + z10):
                    _square(out, first, last, u00, v00, w00, u01, v01, w01, u11, v11, w11, u10, v10, w10)
                else:
                    _square(out, first, last, u01, v01, w01, u11, v11, w11, u10, v10, w10, u00, v00, w00)
                continue
            if hang & (TOP | LEFT) == TOP | LEFT:
                _triangle(out, first, last, u00, v00, w00, u01, v01, w01, u10, v10, w10)
            if hang & (BOTTOM | RIGHT) == BOTTOM | RIGHT:
                _triangle(out, first, last, u11, v11, w11, u10, v10, w10, u01, v01, w01)
            if hang & (TOP | RIGHT) == TOP | RIGHT:
                _triangle(out, first, last, u01, v01, w01, u11, v11, w11, u00, v00, w00)
            if hang & (BOTTOM | LEFT) == BOTTOM | LEFT:
                _triangle(out, first, last, u10, v10, w10, u00, v00, w00, u11, v11, w11)


@compiled
def draw_patches(patches: Any, begin: int, count: int, first: int, last: int, out: Any) -> None:
    """Draws own squares of depth pixels.

    Args:
        patches: as `cut_patches` leaves it.
        begin: number of the first.
        count: how many.
        first: first row of the colour image.
        last: row after the last.
        out: (H, W) inverse depth; keeps what is nearer.
    """
    width = out.shape[1]
    for number in range(begin, begin + count):
        p = patches[number]
        drawn, w = 0, p[10]
        if p[0] == p[0]:
            drawn += _triangle(out, first, last, p[0], p[1], w, p[2], p[3], w, p[4], p[5], w)
            drawn += _triangle(out, first, last, p[0], p[1], w, p[4], p[5], w, p[6], p[7], w)
        x, y = p[8] + _F32(0.5), p[9] + _F32(0.5)
        if drawn == 0 and x >= 0 and x < width and y >= first and y < last:
            # smaller than a pixel: it takes the one that its middle lies in
            column, row = np.int64(x), np.int64(y)
            out[row, column] = max(out[row, column], w)


@compiled
def compose(surfaces: Any, patches: Any, limits: Limits, first: int, last: int, start: Any, quality: Any) -> Any:
    """Joins surfaces and own squares.

    Args:
        surfaces: (H, W) inverse depth; what counts of both is left here, 0 where there is nothing.
        patches: (H, W) inverse depth.
        limits: where they agree.
        first: first row.
        last: row after the last.
        start: result, metres, 0 where there is nothing.
        quality: result, `NOTHING`, `FOOTPRINT` or `MEASURED`.

    Returns:
        How many pixels are covered, and the largest inverse depth.
    """
    covered, nearest = 0, _F32(0)
    for y in range(first, last):
        surface, patch, z, mark = surfaces[y], patches[y], start[y], quality[y]
        for x in range(z.size):
            one, other = _F32(1) / surface[x], _F32(1) / patch[x]
            own = (surface[x] > 0) & ((patch[x] <= surface[x]) | _hang(one, other, limits))
            mark[x] = MEASURED if own else FOOTPRINT
            surface[x] = surface[x] if own else patch[x]
        for x in range(z.size):
            value = surface[x]
            z[x] = _F32(1) / value if value > 0 else _F32(0)
            mark[x] = mark[x] if value > 0 else NOTHING
            nearest = value if value > nearest else nearest
        for x in range(z.size):
            covered += mark[x] != NOTHING
    return covered, nearest


@compiled
def take(depth: Any, limits: Limits, first: int, last: int, inverse: Any, start: Any, quality: Any) -> Any:
    """Takes depth over that lies on the colour image's pixels already.

    Args:
        depth: (H, W) metres, not-a-number where invalid.
        limits: which depth counts.
        first: first row.
        last: row after the last.
        inverse: result, inverse depth, 0 where there is nothing.
        start: result, metres, 0 where there is nothing.
        quality: result, `NOTHING` or `MEASURED`.

    Returns:
        How many pixels are measured within the limits, and how many beyond.
    """
    within, measured = 0, 0
    for y in range(first, last):
        for x in range(depth.shape[1]):
            z = depth[y, x]
            counts = (z >= limits.low) & (z <= limits.high)
            within += counts
            measured += (z > _F32(0)) & (z < _F32(np.inf))
            inverse[y, x] = _F32(1) / z if counts else _F32(0)
            start[y, x] = z if counts else _F32(0)
            quality[y, x] = MEASURED if counts else NOTHING
    return within, measured - within
