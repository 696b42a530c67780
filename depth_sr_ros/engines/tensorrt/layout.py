"""Puts several arrays one after another into one piece of memory, so that one copy moves them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.artifact import Card

ALIGNMENT = 256
"""Bytes; TensorRT wants every tensor to begin at a multiple of this."""

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of every input by name."""


def input_shapes(card: Card, grid: tuple[int, int]) -> Shapes:
    """Shapes of the frame graph's inputs for a grid (h, w) of the depth that goes in."""
    return {name: shape for name, (shape, _) in card.form.input_kinds(grid, card.scale).items()}


@dataclass(frozen=True)
class Place:
    """Where an array lies: `offset` and `size` in bytes, and what it is."""

    offset: int
    size: int
    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True)
class Layout:
    """Places of arrays by name, and the size of the whole in bytes."""

    places: Mapping[str, Place]
    size: int

    @classmethod
    def of(cls, arrays: Mapping[str, tuple[tuple[int, ...], Any]]) -> Layout:
        """Lays out arrays of given shape and type in the order given."""
        places, end = {}, 0
        for name, (shape, dtype) in arrays.items():
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            places[name] = Place(end, size, tuple(shape), np.dtype(dtype))
            end = -(-(end + size) // ALIGNMENT) * ALIGNMENT
        return cls(places, end)

    def views(self, memory: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The arrays in a piece of memory, uint8 (size,); they share it."""
        return {
            name: memory[place.offset : place.offset + place.size].view(place.dtype).reshape(place.shape)
            for name, place in self.places.items()
        }
