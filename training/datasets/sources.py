"""Where crops are taken from: loaded pairs, and generators of pairs, mixed by shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from training.datasets.pairs import Pair


class PairSource(Protocol):
    """Anything that hands out a pair for a random generator; equal generators get equal pairs."""

    def draw(self, rng: np.random.Generator) -> Pair:
        """One pair."""


class LoadedPairs:
    """Pairs in memory, drawn by their weights.

    Args:
        pairs: the loaded images.
        weights: relative chance of each pair.

    Raises:
        ValueError: no pairs, not one weight for each, or weights of 0 alone.
    """

    def __init__(self, pairs: Sequence[Pair], weights: Sequence[float]) -> None:
        if len(pairs) != len(weights) or not pairs:
            raise ValueError(f"expected one weight per pair, found {len(pairs)} pairs and {len(weights)} weights")
        if not sum(weights) > 0:
            raise ValueError(f"expected a weight above 0 for at least one of {len(pairs)} pairs, found all 0")
        self.pairs = list(pairs)
        self.chance = np.asarray(weights, dtype=np.float64) / np.sum(weights)

    def draw(self, rng: np.random.Generator) -> Pair:
        """One of the pairs."""
        return self.pairs[rng.choice(len(self.pairs), p=self.chance)]


class MixedSources:
    """Several sources, drawn by their shares.

    Raises:
        ValueError: no sources, or not one share for each.
    """

    def __init__(self, sources: Sequence[PairSource], shares: Sequence[float]) -> None:
        if len(sources) != len(shares) or not sources:
            raise ValueError(f"expected one share per source, found {len(sources)} sources and {len(shares)} shares")
        self.sources = list(sources)
        self.chance = np.asarray(shares, dtype=np.float64) / np.sum(shares)

    def draw(self, rng: np.random.Generator) -> Pair:
        """A pair of one of the sources."""
        return self.sources[rng.choice(len(self.sources), p=self.chance)].draw(rng)
