"""Pairs read when drawn."""

import numpy as np
import pytest

from training.datasets.lazy import LazyPairs
from training.datasets.pairs import read_manifest


def test_drawn_pairs_do_not_depend_on_what_is_kept(data_folder):
    entries = read_manifest(data_folder)
    names = [
        [source.draw(np.random.default_rng(n)).entry.name for n in range(30)]
        for source in (LazyPairs(entries, keep=0), LazyPairs(entries, keep=9))
    ]
    assert names[0] == names[1] and set(names[0]) == {e.name for e in entries}


def test_only_the_latest_pairs_are_kept(data_folder, monkeypatch):
    import training.datasets.lazy as lazy

    read: list[str] = []
    real = lazy.load_pair
    monkeypatch.setattr(lazy, "load_pair", lambda entry: read.append(entry.name) or real(entry))
    source = LazyPairs(read_manifest(data_folder, "train")[:1], keep=1)
    for n in range(3):
        source.draw(np.random.default_rng(n))
    assert read == ["s0"]
    none_kept = LazyPairs(read_manifest(data_folder, "train")[:1], keep=0)
    for n in range(3):
        none_kept.draw(np.random.default_rng(n))
    assert read == ["s0"] * 4


def test_no_entries_are_refused():
    with pytest.raises(ValueError, match="found 0 entries"):
        LazyPairs([])
