"""Kernels for mixed pixels: a depth pixel whose square holds an edge measures neither of its two surfaces.

A time-of-flight pixel adds up the light of its whole square, so that one on a silhouette reports a distance at which
nothing is, a flying pixel (Lindner, Schiller, Kolb and Koch, "Time-of-Flight sensor calibration for accurate range
sensing", CVIU 2010). Between its neighbours on both surfaces such a pixel stands out: it hangs together with neither,
and both of them do with theirs. How far it lies between the two says which share of its square the nearer one covers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from depth_sr_ros.cameras.compiled import compiled, inlined
from depth_sr_ros.cameras.joining import hang
from depth_sr_ros.cameras.placing import Limits, View, project_row

_F32 = np.float32
_ALONG = ((0, 1), (1, 0), (1, 1), (1, -1))  # row, column, and both diagonals
_NEVER = _F32(np.nan)


@inlined
def _on_a_surface(depth: Any, z: Any, i: int, j: int, limits: Limits) -> Any:
    """Whether a pixel's depth hangs together with that of the next one, (i, j), or that one is not measured.

    What lies beyond the border is unknown: there, a steep surface looks as an edge does.
    """
    if i < 0 or j < 0 or i >= depth.shape[0] or j >= depth.shape[1]:
        return False
    return (not depth[i, j] > 0) or hang(z, depth[i, j], limits)


@inlined
def _find_alone(own: Any, above: Any, limits: Limits, alone: Any) -> None:
    """Marks pixels of a row that do not hang together with all of four neighbours, one on each line through them.

    A loop without branches, so that it becomes vector instructions: few pixels are left to be looked at.
    """
    alone[0] = alone[own.size - 1] = 1
    for j in range(1, own.size - 1):
        z = own[j]
        together = hang(z, own[j - 1], limits) & hang(z, above[j], limits)
        alone[j] = not (together & hang(z, above[j - 1], limits) & hang(z, above[j + 1], limits))


@compiled
def assign_mixed(depth: Any, limits: Limits, first: int, last: int, whole: bool, out: Any, nearer: Any) -> int:
    """Gives mixed pixels the depth of one of their two surfaces.

    Args:
        depth: (h, w) metres; what is not positive or not a number is not measured.
        limits: what hangs together; surfaces out of range do not count.
        first: first row.
        last: row after the last.
        whole: give it that of the surface which it is nearer to; otherwise that of the farther one, and the share of
            its square that the nearer one covers is for `cut_shares` to draw.
        out: result, (h, w), a copy but for mixed pixels.
        nearer: result, (h, w): 0, or for a mixed pixel where its nearer surface lies: 1 to 9, row by row in the 3 x 3
            pixels around it.

    Returns:
        How many pixels are mixed.
    """
    rows, columns = depth.shape
    mixed = 0
    alone = np.empty(columns, np.uint8)
    for i in range(first, last):
        own, result, place_of = depth[i], out[i], nearer[i]
        for j in range(columns):
            result[j], place_of[j] = own[j], 0
        _find_alone(own, depth[max(i - 1, 0)], limits, alone)
        for j in range(columns):
            if alone[j] == 0:
                continue
            z, widest, sides = own[j], _F32(0), 0
            for down, right in _ALONG:
                if i < down or i + down >= rows or j < abs(right) or j + abs(right) >= columns:
                    continue
                one, other = depth[i - down, j - right], depth[i + down, j + right]
                low, high = min(one, other), max(one, other)
                if not (limits.low <= low and low < z and z < high and high <= limits.high):
                    continue
                if hang(z, one, limits) or hang(z, other, limits):
                    continue
                behind_one = _on_a_surface(depth, one, i - 2 * down, j - 2 * right, limits)
                if not (behind_one and _on_a_surface(depth, other, i + 2 * down, j + 2 * right, limits)):
                    continue
                sides += down == 0 or right == 0
                # an edge that crosses both the row and the column goes around a corner of the square
                if high - low > widest or sides == 2:
                    widest = high - low
                    result[j] = low if whole and z - low < high - z else high
                    place = 3 * down + right
                    place_of[j] = 5 - place if one < other else 5 + place
            mixed += place_of[j] != 0
    return mixed


@inlined
def _corner(down: int, right: int, share: Any, corner: int) -> Any:
    """Column and row, within the pixel's square, of a corner of the part that lies towards (down, right).

    Corners 0 to 3 go clockwise; 4 is the middle. The part is a strip along a side, or lies around a corner of the
    square. It is made at the left side or the upper left corner, and mirrored to its place.
    """
    along_a_side = down == 0 or right == 0
    mirrored = right == 0 if along_a_side else down != right
    if mirrored and (corner == 1 or corner == 3):
        corner = 4 - corner
    one, half = _F32(1), _F32(0.5)
    x, y = _F32(0), _F32(0)
    if along_a_side:
        x = half * share if corner == 4 else share if corner == 1 or corner == 2 else x
        y = half if corner == 4 else one if corner == 2 or corner == 3 else y
        if right == 0:
            x, y = y, x
        return (one - share + x if right > 0 else x), (one - share + y if down > 0 else y)
    leg = np.sqrt(2 * share) if share < half else one
    tip = half * leg if share < half else share
    x = leg if corner == 1 else tip if corner == 2 else half * tip if corner == 4 else x
    y = leg if corner == 3 else tip if corner == 2 else half * tip if corner == 4 else y
    return (one - x if right > 0 else x), (one - y if down > 0 else y)


@compiled
def cut_shares(
    arrived: Any, depth: Any, nearer: Any, corners: Any, view: View, limits: Limits, first: int, last: int, patches: Any
) -> None:
    """Lists the parts of mixed pixels' squares that their nearer surfaces cover.

    Args:
        arrived: (h, w) metres, as measured.
        depth: (h, w) metres, with the farther surfaces in mixed pixels.
        nearer: as `assign_mixed` leaves it.
        corners: see `patches.cut_patches`.
        view: the colour camera.
        limits: as `place` was given.
        first: first row.
        last: row after the last.
        patches: result, one for each mixed pixel in these rows, as `patches.draw_patches` takes them. What is smaller
            than a colour pixel covers one only where it covers its middle.
    """
    ray, z = np.empty((3, 5), np.float32), np.empty(5, np.float32)
    u, v, w = np.empty(5, np.float32), np.empty(5, np.float32), np.empty(5, np.float32)
    number = 0
    for i in range(first, last):
        for j in range(arrived.shape[1]):
            place = np.int64(nearer[i, j])
            if place == 0:
                continue
            down, right = (place - 1) // 3 - 1, (place - 1) % 3 - 1
            near, far = arrived[i + down, j + right], depth[i, j]
            share = (far - arrived[i, j]) / (far - near)
            for corner in range(5):
                x, y = _corner(down, right, share, corner)
                z[corner] = near
                for axis in range(3):
                    above = (1 - x) * corners[axis, i, j] + x * corners[axis, i, j + 1]
                    below = (1 - x) * corners[axis, i + 1, j] + x * corners[axis, i + 1, j + 1]
                    ray[axis, corner] = (1 - y) * above + y * below
            project_row(z, ray[0], ray[1], ray[2], view, limits, u, v, w)
            patch = patches[number]
            seen = w[0] > 0 and w[1] > 0 and w[2] > 0 and w[3] > 0 and w[4] > 0
            for corner in range(4):
                patch[2 * corner] = u[corner] if seen else _NEVER
                patch[2 * corner + 1] = v[corner] if seen else _NEVER
            patch[8], patch[9], patch[10] = _NEVER, _NEVER, w[4]
            number += 1
