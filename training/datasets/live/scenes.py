"""Pieces of scenes with exact depth in metres, and the colour camera that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from training.datasets.procedural import ProceduralScenes
from training.degradation.two_cameras.layers import Layer
from training.degradation.two_cameras.ranges import log_uniform

FOCALS = (300.0, 1200.0)
"""Focal lengths of drawn colour cameras, pixels."""


@dataclass(frozen=True)
class ScenePiece:
    """A square of a scene with a margin that a camera beside it looks into.

    Attributes:
        rgb: (S, S, 3) uint8.
        layers: its surfaces, see `training.degradation.two_cameras.layers`.
        truth: (S, S) float32 metres that the colour camera sees, NaN where nobody knows.
        camera: the colour camera.
        whole: whether the layers hold what the colour camera does not see.
    """

    rgb: NDArray[np.uint8]
    layers: tuple[Layer, ...]
    truth: NDArray[np.float32]
    camera: Intrinsics
    whole: bool

    @property
    def depths(self) -> tuple[float, float]:
        """Nearest and farthest depth that the colour camera sees, metres."""
        return float(np.nanmin(self.truth)), float(np.nanmax(self.truth))


class SceneSource(Protocol):
    """Anything that hands out pieces of scenes; equal generators get equal pieces."""

    def piece(self, side: int, rng: np.random.Generator) -> ScenePiece:
        """A piece of `side` times `side` pixels."""


class MixedScenes:
    """Several sources, drawn by their shares.

    Raises:
        ValueError: no sources, or not one share for each.
    """

    def __init__(self, sources: Sequence[SceneSource], shares: Sequence[float]) -> None:
        if len(sources) != len(shares) or not sources:
            raise ValueError(f"expected one share per source, found {len(sources)} sources and {len(shares)} shares")
        self._sources = list(sources)
        self._chance = np.asarray(shares, dtype=np.float64) / np.sum(shares)

    def piece(self, side: int, rng: np.random.Generator) -> ScenePiece:
        """A piece of one of the sources."""
        return self._sources[int(rng.choice(len(self._sources), p=self._chance))].piece(side, rng)


class ProceduralPieces:
    """Procedural scenes as layers: exact from any place.

    Args:
        scenes: the generator, of the size of the pieces that will be asked for.
    """

    def __init__(self, scenes: ProceduralScenes) -> None:
        self._scenes = scenes

    def piece(self, side: int, rng: np.random.Generator) -> ScenePiece:
        """A scene that nobody asked for before. Raises ValueError where `side` is not that of the scenes."""
        if (self._scenes.height, self._scenes.width) != (side, side):
            raise ValueError(
                f"procedural pieces: expected scenes of {side}x{side} pixels, found {self._scenes.height}x"
                f"{self._scenes.width}"
            )
        rgb, layers = self._scenes.layered(int(rng.integers(2**62)))
        seen = np.zeros((side, side), np.float32)
        for layer in layers:
            put_layer(layer, seen)
        camera = centred(side, draw_focal(rng))
        return ScenePiece(rgb, tuple(layers), (1 / seen).astype(np.float32), camera, whole=True)


def put_layer(layer: Layer, seen: NDArray[np.float32]) -> None:
    """Puts a layer before what is seen already, (H, W) 1 / metres; changes `seen`."""
    rows, columns = layer.inverse.shape
    top, left = max(layer.top, 0), max(layer.left, 0)
    bottom, right = min(layer.top + rows, seen.shape[0]), min(layer.left + columns, seen.shape[1])
    part = layer.inverse[top - layer.top : bottom - layer.top, left - layer.left : right - layer.left]
    np.maximum(seen[top:bottom, left:right], part, out=seen[top:bottom, left:right])


def centred(side: int, focal: float) -> Intrinsics:
    """A pinhole that looks at the middle of a square image."""
    return Intrinsics(side, side, focal, focal, (side - 1) / 2, (side - 1) / 2)


def draw_focal(rng: np.random.Generator) -> float:
    """A focal length, its logarithm uniform over `FOCALS`."""
    return log_uniform(FOCALS, rng)
