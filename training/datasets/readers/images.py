"""Pairs of a colour image and a depth image in integer millimetres."""

from __future__ import annotations

import numpy as np

from training.datasets.pairs import PairEntry, Raw, read_colour, read_levels


def read_millimetres(entry: PairEntry) -> Raw:
    """Colour, and depth in metres; 0 stays 0, which means invalid."""
    return read_colour(entry.rgb), read_levels(entry.gt) * np.float32(0.001)
