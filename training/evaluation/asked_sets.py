"""The data sets that a command line names, each with its splits and folder, and the images in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.datasets.pairs import PairEntry
from training.datasets.registry import open_dataset, options_of

SYNTAX = "NAME[:SPLIT,...][=FOLDER]"
"""How one is written: `nyu`, `nyu:test`, `nyu=NYU` or `nyu:test=NYU`."""


@dataclass(frozen=True)
class AskedSet:
    """A data set as a command line names it.

    Attributes:
        words: as they were given.
        name: a key of `training.datasets.registry.DATASETS`.
        splits: parts of it.
        folder: where it lies.
    """

    words: str
    name: str
    splits: tuple[str, ...]
    folder: Path


def asked_sets(words: Sequence[str], folder: Path | None, splits: Sequence[str]) -> list[AskedSet]:
    """What the words of a command line stand for.

    Args:
        words: one for each data set, in the form of `SYNTAX`.
        folder: of those without one of their own.
        splits: of those without any of their own.

    Raises:
        ValueError: a word of another form, one without a folder, or a folder that none needs.
    """
    asked = [_asked(word, folder, splits) for word in words]
    if folder is not None and all("=" in word for word in words):
        raise ValueError(
            f"--data: expected a --dataset without a folder of its own, which {folder} would be for, found "
            f"{', '.join(words)}; leave --data out, or name the data set that lies there"
        )
    return asked


def _asked(words: str, folder: Path | None, splits: Sequence[str]) -> AskedSet:
    what, of_own, place = words.partition("=")
    name, split_too, own_splits = what.partition(":")
    parts = tuple(own_splits.split(",") if split_too else splits)
    if not name or not all(parts) or (of_own and not place):
        raise ValueError(f"--dataset: expected {SYNTAX}, found {words!r}")
    if not of_own and folder is None:
        raise ValueError(f"--dataset {words}: expected a folder; give it by --dataset {words}=FOLDER or by --data")
    return AskedSet(words, name, parts, Path(place) if of_own or folder is None else folder)


def entries_of(sets: Sequence[AskedSet], options: Mapping[str, Any]) -> list[PairEntry]:
    """The images of data sets, in their order.

    Args:
        sets: see `AskedSet`.
        options: of the data sets; each goes to those that know it.

    Raises:
        FileNotFoundError: files are missing.
        ValueError: an unknown data set or split, an option that none knows, or images of two data sets whose results
            would go by one name.
    """
    known = {one.name: options_of(one.name) for one in sets}
    if strange := set(options).difference(*known.values()):
        each = " or ".join(f"{sorted(names)} of {name}" for name, names in known.items())
        raise ValueError(f"--options: expected options among {each}, found {sorted(strange)}")
    entries: list[PairEntry] = []
    for one in sets:
        own = {key: value for key, value in options.items() if key in known[one.name]}
        more = [entry for split in one.splits for entry in open_dataset(one.name, one.folder, split, **own)]
        _refuse_same_names(entries, more, one)
        entries += more
    return entries


def _refuse_same_names(entries: Sequence[PairEntry], more: Sequence[PairEntry], asked: AskedSet) -> None:
    """Tables and pictures go by set and image: one name must not stand for two images, nor one image count twice."""
    earlier: dict[tuple[str, str], list[PairEntry]] = {}
    for entry in entries:
        earlier.setdefault((entry.dataset, entry.name), []).append(entry)
    for entry in more:
        for other in earlier.get((entry.dataset, entry.name), ()):
            if (entry.rgb, entry.gt, entry.unit) != (other.rgb, other.gt, other.unit):
                raise ValueError(
                    f"--dataset {asked.words}: expected images with names of their own, found {entry.dataset} "
                    f"{entry.name} in {entry.gt} ({entry.unit}) and in {other.gt} ({other.unit}); rename one of the "
                    "two sets, by the column `set` of its manifest or by its folder, or evaluate them one after the "
                    "other"
                )
            if entry.split == other.split:
                raise ValueError(
                    f"--dataset {asked.words}: {entry.dataset} {entry.name} of the split {entry.split} was named "
                    "before; name each data set once"
                )
