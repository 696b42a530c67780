"""Crops of several kinds in one stream: which kind a number has depends on the seed and on the number alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from training.datasets.live.recorded import RecordedCrops

Numbered = Callable[[int], dict[str, Tensor]]
"""The crop of a number, as `LiveCrop.tensors` gives it."""


class MixedCrops(Dataset[dict[str, Tensor]]):
    """Crops of several sources, drawn by their shares.

    Args:
        sources: crops by number.
        shares: of each, above 0.
        seed: fixes which source a number has.

    Raises:
        ValueError: no sources, or not one share above 0 for each.
    """

    def __init__(self, sources: Sequence[Numbered], shares: Sequence[float], seed: int) -> None:
        if not sources or len(sources) != len(shares) or min(shares) <= 0:
            raise ValueError(f"mixed crops: expected a share above 0 per source, found {len(sources)} and {shares}")
        self._sources, self._seed = list(sources), seed
        self._chance = np.asarray(shares, np.float64) / np.sum(shares)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """The crop of that number."""
        rng = np.random.default_rng([self._seed, number, len(self._sources)])
        return self._sources[int(rng.choice(len(self._sources), p=self._chance))](number)


def by_number(crops: RecordedCrops, seed: int) -> Numbered:
    """Recorded crops by number; never flipped, since a sensor's shadows and shifts have a direction."""
    return lambda number: crops.crop(number, np.random.default_rng([seed, number])).tensors()
