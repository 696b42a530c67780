"""Endless synthetic scenes with exact depth: textured objects in layers before a background, free of any licence.

Depth edges lie exactly where the colour boundary of an object covers half a pixel. Inside objects there is texture that
means nothing for depth, neighbours may have nearly one colour, and light, shadow, blur, noise and JPEG come on top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import Kind, Pair, PairEntry
from training.datasets.scenes import camera
from training.datasets.scenes.outlines import FAMILIES, Coverage, OutlineBank, Random, cover
from training.datasets.scenes.photographs import Photographs
from training.datasets.scenes.surfaces import Field, background, object_surface
from training.datasets.scenes.textures import TextureBank, coloured, random_colour, random_ramp
from training.degradation.two_cameras.layers import Layer

KindChoice = Literal["disparity", "depth", "mixed"]

_UNITS = {"disparity": ("disparity", 0.02), "depth": ("m", 0.0005)}
_NAMES = list(FAMILIES)
_PHOTOGRAPHED = 0.5  # share of surfaces with a photograph's texture, where there are photographs
_STYLES: dict[str, tuple[float, tuple[int, int], tuple[float, float], dict[str, float]]] = {
    # share of scenes, number of objects, their radius as a share of the image, how common families are beside 1
    "clutter": (0.25, (7, 18), (0.05, 0.35), {}),
    "large": (0.15, (3, 9), (0.2, 0.6), {"box": 3, "rounded": 3, "blob": 3}),
    "thin": (0.15, (4, 11), (0.15, 0.8), {"bar": 12, "slats": 4, "with_holes": 3}),
    "foliage": (0.08, (5, 13), (0.1, 0.4), {"branch": 25, "blob": 3}),
    "small": (0.07, (8, 20), (0.02, 0.12), {"blob": 3, "letters": 2}),
    "packed": (0.3, (8, 19), (0.12, 0.4), {"box": 5, "rounded": 5, "lathe": 4, "blob": 4, "ellipse": 3}),
}


@dataclass
class _Canvas:
    """A scene while it is painted: linear colour and inverse depth, and what each object looks like behind others."""

    colour: NDArray[np.float32]
    nearness: Field
    palette: list[NDArray[np.float64]]
    sun: NDArray[np.float64]
    parts: list[tuple[Field, int, int]] = field(default_factory=list)


class ProceduralScenes:
    """Scenes by number: the same seed and number give the same scene on every call.

    `scene(n)` gives one, `draw(rng)` one that nobody asked for before, iteration the scenes 0, 1, 2 and so on without
    end. Every pixel is valid. Disparities are between about 10 and 250 pixels, depths 0.4 m and more.

    Args:
        height: rows of a scene.
        width: columns of a scene.
        seed: fixes all scenes.
        kind: whether targets grow towards the camera or away from it, or either with equal chance.
        photographs: to cut textures from; half of the surfaces then have one. None leaves made ones alone.

    Raises:
        ValueError: a side under 16 pixels or an unknown kind.
    """

    def __init__(
        self,
        height: int = 256,
        width: int = 256,
        seed: int = 0,
        kind: KindChoice = "mixed",
        photographs: Photographs | None = None,
    ) -> None:
        if min(height, width) < 16:
            raise ValueError(f"procedural scenes: expected sides of at least 16 pixels, found {height}x{width}")
        if kind not in ("disparity", "depth", "mixed"):
            raise ValueError(f"procedural scenes: expected kind disparity, depth or mixed, found {kind!r}")
        self.height, self.width, self.seed, self.kind = height, width, seed, kind
        self._textures, self._outlines, self._photographs = TextureBank(seed), OutlineBank(seed), photographs

    def __iter__(self) -> Iterator[Pair]:
        number = 0
        while True:
            yield self.scene(number)
            number += 1

    def draw(self, rng: Random) -> Pair:
        """A scene whose number comes from `rng`."""
        return self.scene(int(rng.integers(2**62)))

    def scene(self, number: int) -> Pair:
        """The scene with this number."""
        rng = np.random.default_rng([self.seed, number])
        canvas, rgb = self._painted(rng)
        kind: Kind = ("disparity", "depth")[rng.integers(2)] if self.kind == "mixed" else self.kind
        target = _to_disparity(rng, canvas.nearness) if kind == "disparity" else _to_depth(rng, canvas.nearness)
        entry = PairEntry("synthetic", "procedural", f"{self.seed}_{number}", "", Path(), Path(), kind, *_UNITS[kind])
        return Pair(entry, rgb, target, np.ones(target.shape, bool))

    def layered(self, number: int) -> tuple[NDArray[np.uint8], list[Layer]]:
        """The scene with this number as layers, of which a camera beside sees more than the colour image shows.

        Returns:
            Colour (H, W, 3), and the background and each object with their inverse depths, metres as `depth` has them.
        """
        rng = np.random.default_rng([self.seed, number])
        canvas, rgb = self._painted(rng)
        ends, span = (float(canvas.nearness.min()), float(canvas.nearness.max())), _draw_span(rng)
        least = np.float32(0.5 / (span[0] * span[1]))  # of what is hidden and farther than all that is seen
        layers = []
        for nearness, top, left in canvas.parts:
            inverse = np.maximum(_inverse(nearness, ends, span), least)
            layers.append(Layer(np.where(np.isfinite(inverse), inverse, np.float32(0)), top, left))
        return rgb, layers

    def _painted(self, rng: Random) -> tuple[_Canvas, NDArray[np.uint8]]:
        canvas = self._empty(rng)
        self._fill(rng, canvas)
        picture = camera.defocus(rng, camera.light(rng, canvas.colour), canvas.nearness)
        return canvas, camera.expose(rng, picture)

    def _empty(self, rng: Random) -> _Canvas:
        palette = [random_colour(rng) for _ in range(rng.integers(3, 8))]
        angle = rng.uniform(0, 2 * np.pi)
        nearness, piece = background(rng, self.height, self.width)
        colour = self._paint(rng, palette, self.height, self.width)
        for number in range(1, int(piece.max()) + 1):
            if rng.random() < 0.7:
                other = self._paint(rng, palette, self.height, self.width)
                np.copyto(colour, other, where=(piece == number)[..., None])
        sun = np.array([np.cos(angle), np.sin(angle)])
        return _Canvas(colour, nearness, palette, sun, [(nearness.copy(), 0, 0)])

    def _paint(self, rng: Random, palette: list[NDArray[np.float64]], height: int, width: int) -> NDArray[np.float32]:
        if self._photographs is not None and rng.random() < _PHOTOGRAPHED:
            return self._photographs.cut(rng, height, width)
        base, accent = palette[rng.integers(len(palette))], palette[rng.integers(len(palette))]
        base = base * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.03, 3))
        colour = coloured(self._textures.cut(rng, height, width), random_ramp(rng, base, accent))
        if rng.random() < 0.6:
            fine = self._textures.cut(rng, height, width).astype(np.float32) / np.float32(255)
            colour *= (1 + np.float32(np.exp(rng.uniform(np.log(0.05), np.log(1.2)))) * (fine - 0.5))[..., None]
        return colour

    def _fill(self, rng: Random, canvas: _Canvas) -> None:
        style = rng.choice(list(_STYLES), p=[s[0] for s in _STYLES.values()])
        _, counts, sizes, common = _STYLES[style]
        weights = np.array([common.get(name, 1.0) for name in _NAMES])
        number = int(rng.integers(*counts))
        front = np.sort(rng.random(number) ** rng.uniform(0.7, 2.0))
        extent = max(self.height, self.width)
        for depth in front:
            family = _NAMES[rng.choice(len(_NAMES), p=weights / weights.sum())]
            size = extent * np.exp(rng.uniform(*np.log(sizes)))
            centre = rng.uniform((0, 0), (self.width, self.height))
            for copy in range(_copies(rng)):
                step = copy * size * rng.uniform(0.6, 1.6) * canvas.sun[::-1]
                coverage = cover(self._outlines.take(rng, family, centre + step, size), self.height, self.width)
                if coverage is not None:
                    self._put(rng, canvas, coverage, float(depth))

    def _put(self, rng: Random, canvas: _Canvas, coverage: Coverage, depth: float) -> None:
        """Paints one object over what is behind it; parts that reach behind it stay hidden."""
        below = canvas.nearness[coverage.window]
        nearness = 0.15 + 0.85 * depth
        if rng.random() < 0.35:  # stands on what is there already
            foot = below[-1, below.shape[1] // 2] if coverage.window[0].stop < self.height else below.max()
            nearness = float(foot) + 0.02 + 0.1 * depth
        bulge = rng.uniform(0.01, 0.25) * coverage.radius / max(self.height, self.width) * 2
        surface = object_surface(rng, coverage, nearness, bulge)
        before = (surface > below).astype(np.float32)
        share = coverage.share * before if before.all() else coverage.share * cv2.blur(before, (3, 3))
        if rng.random() < 0.6:
            _cast_shadow(rng, canvas, coverage, nearness)
        colour = self._object_colour(rng, canvas, coverage)
        _shade(rng, colour, surface, bulge, canvas.sun)
        patch = canvas.colour[coverage.window]
        patch += share[..., None] * (colour - patch)
        inside = coverage.share >= 0.5
        np.copyto(below, surface, where=inside & (before > 0))
        # a border of nothing, so that its outermost pixels are whole
        part = np.pad(np.where(inside, surface, np.float32(np.nan)), 1, constant_values=np.nan)
        canvas.parts.append((part, coverage.window[0].start - 1, coverage.window[1].start - 1))

    def _object_colour(self, rng: Random, canvas: _Canvas, coverage: Coverage) -> NDArray[np.float32]:
        height, width = coverage.share.shape
        if rng.random() < 0.12:  # nearly the colour of what is behind it
            behind = canvas.colour[coverage.window].reshape(-1, 3)[:: max(1, height * width // 50)]
            base = behind.mean(0).astype(np.float64) * np.exp(rng.normal(0, 0.08, 3))
            return self._paint(rng, [np.clip(base, 0.004, 1)], height, width)
        return self._paint(rng, canvas.palette, height, width)


def _copies(rng: Random) -> int:
    return int(rng.integers(2, 7)) if rng.random() < 0.12 else 1


def _cast_shadow(rng: Random, canvas: _Canvas, coverage: Coverage, nearness: float) -> None:
    """Darkens what lies behind an object, the further to the side the further it lies behind."""
    rows, columns = coverage.window
    below = canvas.nearness[coverage.window]
    gap = min(max(nearness - float(below.mean()), 0.0), 0.5)
    reach = gap * 0.25 * canvas.colour.shape[1] * rng.uniform(0.3, 1)
    shift = canvas.sun * reach
    soft = int(1 + 2 * round(1 + reach * rng.uniform(0, 0.4)))
    pad = int(np.ceil(reach)) + soft
    top, left = max(rows.start - pad, 0), max(columns.start - pad, 0)
    bottom, right = min(rows.stop + pad, canvas.nearness.shape[0]), min(columns.stop + pad, canvas.nearness.shape[1])
    move = np.array([[1, 0, columns.start + shift[0] - left], [0, 1, rows.start + shift[1] - top]])
    moved = cv2.warpAffine(coverage.share, move, (right - left, bottom - top))
    strength = (canvas.nearness[top:bottom, left:right] < nearness) * np.float32(rng.uniform(0.1, 0.7))
    shadow = np.asarray(cv2.blur(moved, (soft, soft)), np.float32) * strength
    canvas.colour[top:bottom, left:right] *= (1 - shadow)[..., None]


def _shade(rng: Random, colour: NDArray[np.float32], surface: Field, bulge: float, sun: NDArray[np.float64]) -> None:
    """Light from one side, by the slope of the surface."""
    if min(surface.shape) < 3 or rng.random() < 0.2:
        return
    slope = cv2.Sobel(surface, cv2.CV_32F, 1, 0, scale=sun[0] / 8)
    slope = slope + cv2.Sobel(surface, cv2.CV_32F, 0, 1, scale=sun[1] / 8)
    strength = rng.uniform(0.2, 1.2) * max(surface.shape) / max(4 * bulge, 1e-3)
    colour *= np.clip(1 + np.float32(strength) * slope, 0.25, 1.6)[..., None]


def _to_disparity(rng: Random, nearness: Field) -> Field:
    low, high = float(nearness.min()), float(nearness.max())
    nearest, farthest = rng.uniform(60, 250), rng.uniform(10, 50)
    return np.asarray(farthest + (nearest - farthest) * (nearness - low) / max(high - low, 1e-3), np.float32)


def _to_depth(rng: Random, nearness: Field) -> Field:
    ends = float(nearness.min()), float(nearness.max())
    return np.asarray(1 / _inverse(nearness, ends, _draw_span(rng)), np.float32)


def _draw_span(rng: Random) -> tuple[float, float]:
    """Metres of the nearest point, and how many times farther the farthest is."""
    return float(rng.uniform(0.4, 2.5)), float(rng.uniform(1.3, 6))


def _inverse(nearness: Field, ends: tuple[float, float], span: tuple[float, float]) -> Field:
    (low, high), (near, ratio) = ends, span
    return (1 + (ratio - 1) * (nearness - low) / max(high - low, 1e-3)) / (near * ratio)
