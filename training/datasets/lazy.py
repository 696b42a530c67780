"""Pairs that are read when they are drawn, for data sets larger than memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from training.datasets.pairs import Pair, PairEntry, load_pair


class LazyPairs:
    """Pairs read from their files when drawn, the latest of them kept.

    What is drawn depends on the generator only, not on what is kept.

    Args:
        entries: what to draw from, with equal chance.
        keep: pairs held in memory, the least recently used of which is dropped first.

    Raises:
        ValueError: no entries, or `keep` below 0.
    """

    def __init__(self, entries: Sequence[PairEntry], keep: int = 64) -> None:
        if not entries or keep < 0:
            raise ValueError(f"expected entries and keep of at least 0, found {len(entries)} entries and keep {keep}")
        self.entries = list(entries)
        self.keep = keep
        self._held: OrderedDict[int, Pair] = OrderedDict()

    def draw(self, rng: np.random.Generator) -> Pair:
        """One of the pairs."""
        number = int(rng.integers(len(self.entries)))
        pair = self._held.pop(number, None) or load_pair(self.entries[number])
        self._held[number] = pair
        if len(self._held) > self.keep:
            self._held.popitem(last=False)
        return pair
