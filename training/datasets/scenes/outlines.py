"""Outlines of objects: what a layer covers, drawn with exact sub-pixel coverage.

An outline is a list of parts; a part is a list of contours filled by the even-odd rule, so that a contour inside
another is a hole; the parts are united. Contours are (N, 2) arrays of x, y in pixels, pixel centres at integers.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Contour = NDArray[np.float64]
Outline = list[list[Contour]]
Random = np.random.Generator

_FINE = 4  # sub-samples per pixel and axis
_SHIFT = 4  # fractional bits of the coordinates handed to OpenCV


class Coverage:
    """How much of each pixel an outline covers, inside its bounding box.

    Attributes:
        window: rows and columns of the box in the image.
        share: float32 coverage in [0, 1]; a pixel belongs to the object where it is at least one half.
        centre: x, y of the outline's middle, pixels.
        radius: half of the outline's larger extent, pixels.
    """

    def __init__(self, window: tuple[slice, slice], share: NDArray[np.float32], centre: Contour, radius: float) -> None:
        self.window = window
        self.share = share
        self.centre = centre
        self.radius = radius


def cover(outline: Outline, height: int, width: int) -> Coverage | None:
    """Draws an outline; None where it lies outside the image or covers hardly a pixel."""
    points = np.concatenate([contour for part in outline for contour in part])
    low, high = points.min(0), points.max(0)
    left, top = np.maximum(np.floor(low).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(high).astype(int) + 2, (width, height))
    if right - left < 1 or bottom - top < 1:
        return None
    fine = np.zeros(((bottom - top) * _FINE, (right - left) * _FINE), np.uint8)
    for part in outline:
        # half a pixel: coordinates count from pixel centres, and fine pixels have centres of their own
        scaled = [((c - (left, top) + 0.5) * _FINE - 0.5) * (1 << _SHIFT) for c in part]
        cv2.fillPoly(fine, [np.round(c).astype(np.int32) for c in scaled], 255, shift=_SHIFT)
    share = cv2.resize(fine, (right - left, bottom - top), interpolation=cv2.INTER_AREA)
    if share.max() < 128:
        return None
    window = (slice(int(top), int(bottom)), slice(int(left), int(right)))
    return Coverage(window, share.astype(np.float32) / np.float32(255), (low + high) / 2, float(max(high - low)) / 2)


class OutlineBank:
    """Outlines to take from, a number of each family; which ones is fixed by the seed.

    Args:
        seed: fixes the outlines.
        copies: outlines of each family.
    """

    def __init__(self, seed: int, copies: int = 64) -> None:
        rng = np.random.default_rng([seed, 0x0C])
        self._outlines = {name: [_joined(draw(rng)) for _ in range(copies)] for name, draw in FAMILIES.items()}

    def take(self, rng: Random, family: str, centre: Contour, size: float) -> Outline:
        """An outline of a family of `FAMILIES`, about `size` pixels in radius, turned and sheared by chance."""
        choice = self._outlines[family]
        points, cuts = choice[rng.integers(len(choice))]
        angle, upright, shear, flip, stretch = rng.random(5)
        # things made by people stand upright or lie flat more often than at an angle
        turn = 2 * np.pi * angle if upright < 0.5 else np.pi / 2 * int(4 * angle) + 0.1 * (upright - 0.75)
        across, along = np.cos(turn) * size, np.sin(turn) * size
        skew = (shear - 0.5) * 0.6 if shear > 0.4 else 0.0
        wide = 0.7 + 0.3 * stretch if flip < 0.5 else -0.7 - 0.3 * stretch
        matrix = np.array([[wide, 0.0], [skew, 1.0]]) @ np.array([[across, along], [-along, across]])
        moved = points @ matrix + centre
        return [[moved[start:stop] for start, stop in part] for part in cuts]


def _joined(outline: Outline) -> tuple[Contour, list[list[tuple[int, int]]]]:
    """All points in one array, and where each contour of each part starts and stops in it."""
    cuts: list[list[tuple[int, int]]] = []
    end = 0
    for part in outline:
        cuts.append([])
        for contour in part:
            cuts[-1].append((end, end + len(contour)))
            end += len(contour)
    return np.concatenate([contour for part in outline for contour in part]), cuts


def _circle(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    angle = np.linspace(0, 2 * np.pi, number, endpoint=False)
    return angle, np.stack([np.cos(angle), np.sin(angle)], 1)


def _squeeze(rng: Random, contour: Contour) -> Contour:
    return contour * (1, np.exp(rng.uniform(np.log(0.3), 0)))


def _blob(rng: Random) -> Outline:
    angle, circle = _circle(72)
    waves = np.arange(2, 9)
    heights = rng.normal(size=7) * rng.uniform(0.02, 0.35) / waves[:7] ** rng.uniform(0.3, 1.0)
    radius = 1 + (heights[:, None] * np.cos(waves[:, None] * angle + rng.uniform(0, 7, (7, 1)))).sum(0)
    return [[_squeeze(rng, circle * np.clip(radius, 0.25, 1.6)[:, None])]]


def _ellipse(rng: Random) -> Outline:
    return [[_squeeze(rng, _circle(64)[1])]]


def _polygon(rng: Random) -> Outline:
    number = int(rng.integers(3, 9))
    angle = np.sort(rng.uniform(0, 2 * np.pi, number) * 0.35 + np.linspace(0, 2 * np.pi, number, endpoint=False))
    radius = rng.uniform(0.45, 1, number)
    return [[np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]]]


def _box(rng: Random) -> Outline:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float) * (1, rng.uniform(0.25, 1))
    if rng.random() < 0.5:  # seen at an angle
        corners = corners + rng.normal(0, 0.12, (4, 2))
    return [[corners]]


def _rounded(rng: Random) -> Outline:
    _, circle = _circle(64)
    return [[_squeeze(rng, np.sign(circle) * np.abs(circle) ** rng.uniform(0.15, 0.7))]]


def _with_holes(rng: Random) -> Outline:
    outer = (_blob, _ellipse, _box, _rounded, _polygon)[rng.integers(5)](rng)[0][0]
    if rng.random() < 0.5:  # a frame or ring
        return [[outer, outer * rng.uniform(0.45, 0.9)]]
    holes = [outer]
    for _ in range(rng.integers(1, 5)):
        place = outer[rng.integers(len(outer))] * rng.uniform(0, 0.65)
        holes.append(_ellipse(rng)[0][0] * rng.uniform(0.08, 0.25) + place)
    return [holes]


def _stroke(path: Contour, thickness: NDArray[np.float64] | float) -> Contour:
    """A line of some thickness as a contour."""
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    half = across * np.broadcast_to(thickness, len(path))[:, None] / 2
    return np.concatenate([path + half, (path - half)[::-1]])


def _curve(rng: Random, bend: float) -> Contour:
    t = np.linspace(-1, 1, 24)
    return np.stack([t, bend * (rng.normal() * t**2 + rng.normal() * t**3)], 1)


def _bar(rng: Random) -> Outline:
    straight = np.array([[-1.0, 0.0], [1.0, 0.0]])
    path = straight if rng.random() < 0.5 else _curve(rng, 0.3)
    return [[_stroke(path, np.exp(rng.uniform(np.log(0.01), np.log(0.2))))]]


def _slats(rng: Random) -> Outline:
    number = int(rng.integers(3, 12))
    gap, solid = 2 / number, rng.uniform(0.2, 0.8)
    long = rng.uniform(0.4, 1.2)
    parts: Outline = []
    for i in range(number):
        x = -1 + (i + 0.5) * gap
        parts.append([_stroke(np.array([[x, -long], [x + rng.normal(0, 0.01), long]]), gap * solid)])
    if rng.random() < 0.6:  # rails that hold the slats
        for y in rng.uniform(-long, long, rng.integers(1, 4)):
            parts.append([_stroke(np.array([[-1.1, y], [1.1, y]]), gap * rng.uniform(0.2, 0.7))])
    return parts


def _branch(rng: Random) -> Outline:
    stem = _curve(rng, 0.35)
    parts: Outline = [[_stroke(stem, np.linspace(0.06, 0.015, len(stem)))]]
    long, wide = rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.6)
    t = np.linspace(0, 1, 12)
    side = np.stack([t, wide * 0.5 * np.sin(np.pi * t) ** rng.uniform(0.7, 1.5)], 1)
    leaf = np.concatenate([side, (side * (1, -1))[::-1]]) * long
    for place in stem[:: rng.integers(1, 4)]:
        angle = rng.choice((-1, 1)) * rng.uniform(0.3, 1.5)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * rng.uniform(0.6, 1.1)
        parts.append([leaf @ turn + place])
    return parts


def glyph(rng: Random) -> Outline:
    """Something like a letter: a few strokes between the nodes of a lattice."""
    nodes = np.array([[x, y] for y in (-1, 0, 1) for x in (-0.6, 0, 0.6)], float)
    order = rng.permutation(9)
    weight = rng.uniform(0.12, 0.4)
    parts: Outline = []
    for first, second in zip(order[: rng.integers(3, 5)], order[1:], strict=False):
        path = np.stack([nodes[first], (nodes[first] + nodes[second]) / 2, nodes[second]])
        if rng.random() < 0.4:
            path[1] += rng.normal(0, 0.3, 2)
        t = np.linspace(0, 1, 9)[:, None]
        parts.append([_stroke((1 - t) ** 2 * path[0] + 2 * t * (1 - t) * path[1] + t**2 * path[2], weight)])
    return parts


def _letters(rng: Random) -> Outline:
    number = int(rng.integers(1, 6))
    kinds = [glyph(rng) for _ in range(number)]
    return [
        [contour * 0.7 / number + ((2 * i + 1) / number - 1, 0) for contour in part]
        for i, kind in enumerate(kinds)
        for part in kind
    ]


def _lathe(rng: Random) -> Outline:
    """Bottles, vases, lamps: a profile and its mirror image."""
    y = np.linspace(-1, 1, 40)
    knots = rng.uniform(0.08, 0.6, 7)
    half = np.interp(y, np.linspace(-1, 1, 7), knots)
    if rng.random() < 0.7:
        half = np.convolve(np.pad(half, 4, mode="edge"), np.full(9, 1 / 9), "valid")
    return [[np.concatenate([np.stack([half, y], 1), np.stack([-half, y], 1)[::-1]])]]


def _star(rng: Random) -> Outline:
    teeth = int(rng.integers(5, 20))
    per_tooth = 4
    angle = np.linspace(0, 2 * np.pi, teeth * per_tooth, endpoint=False)
    radius = np.where(np.arange(teeth * per_tooth) % per_tooth < 2, 1.0, rng.uniform(0.4, 0.85))
    return [[_squeeze(rng, np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None])]]


FAMILIES: dict[str, Callable[[Random], Outline]] = {
    "blob": _blob,
    "ellipse": _ellipse,
    "polygon": _polygon,
    "box": _box,
    "rounded": _rounded,
    "with_holes": _with_holes,
    "bar": _bar,
    "slats": _slats,
    "branch": _branch,
    "letters": _letters,
    "lathe": _lathe,
    "star": _star,
}
"""Families of outlines, by name; each gives one in units of its radius, about the origin."""
