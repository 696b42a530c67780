"""Surface colour: a bank of grey patterns, cut at random places, angles and sizes, and coloured by ramps.

Nothing here knows about depth: these are the colour edges that a network must learn not to copy.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.scenes.outlines import FAMILIES, Outline, OutlineBank, Random, cover, glyph

_SIDE = 384
Tile = NDArray[np.uint8]


class TextureBank:
    """Patterns to cut from; which ones is fixed by the seed.

    Args:
        seed: fixes the patterns.
        copies: patterns of each kind.
    """

    def __init__(self, seed: int, copies: int = 4) -> None:
        rng = np.random.default_rng([seed, 0x7E])
        self.tiles = [_to_bytes(draw(rng)) for draw in PATTERNS for _ in range(copies)]

    def cut(self, rng: Random, height: int, width: int) -> Tile:
        """A piece of a random pattern, turned and scaled."""
        tile = self.tiles[rng.integers(len(self.tiles))]
        zoom = np.exp(rng.uniform(np.log(0.5), np.log(3.0)))
        angle = rng.choice((0.0, np.pi / 2, rng.uniform(0, 2 * np.pi)))
        across, along = np.cos(angle) * zoom, np.sin(angle) * zoom
        place = rng.uniform(0, _SIDE, 2)
        matrix = np.array([[across, -along, place[0]], [along, across, place[1]]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        piece = cv2.warpAffine(tile, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(piece, np.uint8)


def coloured(tile: Tile, ramp: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colours a grey pattern by a (256, 3) ramp; float32 (H, W, 3)."""
    return np.asarray(cv2.LUT(cv2.merge([tile, tile, tile]), ramp[None]), np.float32)


def random_ramp(rng: Random, base: NDArray[np.float64], accent: NDArray[np.float64]) -> NDArray[np.float32]:
    """Colours around `base`, of random contrast, some of them towards `accent`; (256, 3) linear light."""
    low, high = (0.4, 1.8) if rng.random() < 0.75 else (0.01, 0.4)
    contrast = np.exp(rng.uniform(np.log(low), np.log(high)))
    knots = int(rng.integers(2, 5))
    towards_accent = (accent - base) * rng.random((knots, 1))
    brighter = base * rng.normal(0, 0.5, (knots, 1))
    shades = base + contrast * (towards_accent + brighter + rng.normal(0, 0.05, (knots, 3)))
    at = np.linspace(0, 255, knots)
    levels = np.arange(256)
    ramp = np.stack([np.interp(levels, at, shades[:, channel]) for channel in range(3)], 1)
    return np.clip(ramp, 0.004, 1).astype(np.float32)


def random_colour(rng: Random) -> NDArray[np.float64]:
    """A surface colour in linear light: mostly muted, now and then vivid."""
    brightness = np.exp(rng.uniform(np.log(0.03), np.log(0.9)))
    tint = np.exp(rng.normal(0, rng.choice((0.05, 0.2, 0.7)), 3))
    return np.clip(brightness * tint / tint.mean(), 0.005, 1.0)


def _to_bytes(pattern: NDArray[np.floating]) -> Tile:
    low, high = np.quantile(pattern, (0.005, 0.995))
    return np.asarray(np.clip((pattern - low) / max(high - low, 1e-6) * 255, 0, 255), np.uint8)


def smooth_noise(rng: Random, height: int, width: int, cells_y: float, cells_x: float) -> NDArray[np.float32]:
    """One octave of noise with about that many cells over the area."""
    coarse = rng.normal(size=(max(2, round(cells_y)) + 1, max(2, round(cells_x)) + 1)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def _octaves(rng: Random, stretch: float = 1.0) -> NDArray[np.float32]:
    roughness = rng.uniform(0.4, 1.1)
    total = np.zeros((_SIDE, _SIDE), np.float32)
    for octave in range(2, 8):
        cells = 2.0**octave
        total += np.float32(roughness**octave) * smooth_noise(rng, _SIDE, _SIDE, cells, cells / stretch)
    return total


def _grain(rng: Random) -> NDArray[np.float32]:
    return _octaves(rng, rng.uniform(6, 20))


def _marble(rng: Random) -> NDArray[np.float32]:
    return np.sin(_octaves(rng) * rng.uniform(3, 10))


def _speckle(rng: Random) -> NDArray[np.float32]:
    return smooth_noise(rng, _SIDE, _SIDE, _SIDE * rng.uniform(0.3, 1), _SIDE * rng.uniform(0.3, 1))


def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    y, x = np.mgrid[:_SIDE, :_SIDE].astype(np.float32)
    return x, y


def _wave(x: NDArray[np.float32], period: float, sharpness: float) -> NDArray[np.float32]:
    return np.tanh(np.sin(x * np.float32(2 * np.pi / period)) * np.float32(sharpness))


def _stripes(rng: Random) -> NDArray[np.float32]:
    x, _ = _grid()
    x = x + smooth_noise(rng, _SIDE, _SIDE, 4, 4) * np.float32(rng.choice((0, 4, 20)))
    return _wave(x, rng.uniform(6, 70), rng.uniform(0.5, 12))


def _checks(rng: Random) -> NDArray[np.float32]:
    x, y = _grid()
    period, sharpness = rng.uniform(10, 90), rng.uniform(3, 15)
    return _wave(x, period, sharpness) * _wave(y, period * rng.uniform(0.5, 1.5), sharpness)


def _plaid(rng: Random) -> NDArray[np.float32]:
    x, y = _grid()
    total = np.zeros_like(x)
    for _ in range(rng.integers(2, 6)):
        total += _wave(x if rng.random() < 0.5 else y, rng.uniform(8, 90), rng.uniform(1, 10)) * rng.random()
    return total


def _bricks(rng: Random) -> NDArray[np.float32]:
    x, y = _grid()
    high = rng.uniform(10, 45)
    wide, joint = high * rng.uniform(1, 3), rng.uniform(1, 4)
    row = np.floor(y / high)
    shifted = x + row * wide / 2
    shade = rng.random((64, 64)).astype(np.float32)[row.astype(int) % 64, np.floor(shifted / wide).astype(int) % 64]
    mortar = (y % high < joint) | (shifted % wide < joint)
    return np.asarray(np.where(mortar, rng.uniform(-1, 2), shade), np.float32)


def _cells(rng: Random) -> NDArray[np.float32]:
    seeds = np.full((_SIDE, _SIDE), 255, np.uint8)
    number = int(rng.integers(30, 600))
    seeds[rng.integers(_SIDE, size=number), rng.integers(_SIDE, size=number)] = 0
    distance, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    flat = rng.random(number + 2).astype(np.float32)[np.minimum(labels, number + 1)]
    return np.asarray(distance if rng.random() < 0.5 else flat, np.float32)


def _pasted(rng: Random) -> NDArray[np.float32]:
    """Printed shapes: as sharp as objects, and flat."""
    total = np.zeros((_SIDE, _SIDE), np.float32)
    names, bank = list(FAMILIES), OutlineBank(int(rng.integers(2**31)), 2)
    for _ in range(rng.integers(15, 60)):
        size = np.exp(rng.uniform(np.log(6), np.log(90)))
        _paste(total, bank.take(rng, names[rng.integers(len(names))], rng.uniform(0, _SIDE, 2), size), rng.normal())
    return total


def _print(rng: Random) -> NDArray[np.float32]:
    """Lines of text."""
    total = np.zeros((_SIDE, _SIDE), np.float32)
    y = 10.0
    while y < _SIDE:
        size, x = np.exp(rng.uniform(np.log(3), np.log(22))), rng.uniform(0, 60)
        alphabet = [glyph(rng) for _ in range(5)]
        y += size
        while x < _SIDE * rng.uniform(0.6, 1.1):
            letter = alphabet[rng.integers(5)]
            _paste(total, [[c * size + (x, y) for c in part] for part in letter], 1.0)
            x += size * rng.choice((1.6, 1.6, 1.6, 2.8))
        y += size * rng.uniform(1.3, 2)
    return total


def _paste(canvas: NDArray[np.float32], outline: Outline, value: float) -> None:
    coverage = cover(outline, *canvas.shape)
    if coverage is not None:
        patch = canvas[coverage.window]
        patch += coverage.share * (np.float32(value) - patch)


PATTERNS: tuple[Callable[[Random], NDArray[np.float32]], ...] = (
    _octaves,
    _grain,
    _marble,
    _speckle,
    _stripes,
    _checks,
    _plaid,
    _bricks,
    _cells,
    _pasted,
    _pasted,
    _print,
)
"""What the bank is filled from."""
