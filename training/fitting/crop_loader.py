"""What a recipe trains on: its images, opened and weighed by its shares, and the loader of their crops."""

from __future__ import annotations

import dataclasses
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from training.datasets.crops import CropOptions, RandomCrops
from training.datasets.endless import EndlessSampler
from training.datasets.lazy import LazyPairs
from training.datasets.pairs import Pair, PairEntry, load_pair, read_manifest
from training.datasets.procedural import ProceduralScenes
from training.datasets.registry import open_dataset
from training.datasets.sources import LoadedPairs, MixedSources, PairSource
from training.fitting.distributed import Processes
from training.recipes.recipe import Collection, DataOptions, Recipe

# a collection is held in memory up to so many images and bytes; of a larger one the latest that were drawn
_IN_MEMORY, _MOST_BYTES = 2000, 4 << 30


def select_entries(entries: Sequence[PairEntry], options: DataOptions) -> tuple[list[PairEntry], list[float]]:
    """Entries to draw crops from and the chance of each, by the recipe's shares.

    Raises:
        ValueError: a set named in `shares` has no entries.
    """
    seen: Counter[str] = Counter()
    kept: list[PairEntry] = []
    for entry in entries:
        nth = options.every_nth_frame.get(entry.dataset, 1)
        if entry.dataset in options.shares and seen[entry.dataset] % nth == 0:
            kept.append(entry)
        seen[entry.dataset] += 1
    missing = set(options.shares) - set(seen)
    if missing:
        raise ValueError(f"no images of {sorted(missing)} in splits {options.splits}; found {sorted(seen)}")
    count = Counter(e.dataset for e in kept)
    return kept, [options.shares[e.dataset] / count[e.dataset] for e in kept]


def open_source(recipe: Recipe, data: Path) -> PairSource:
    """The images that a recipe trains on.

    Raises:
        FileNotFoundError: a data set is not where it should be.
        ValueError: a set without images, or a recipe without data or with shares of 0 alone.
    """
    options = recipe.data
    _check_shares(options)
    sources: list[tuple[PairSource, float]] = []
    if sum(options.shares.values()) > 0:
        entries, chance = select_entries(read_manifest(data, *options.splits), options)
        sources.append((LoadedPairs([load_pair(e) for e in entries], chance), sum(options.shares.values())))
    for name, collection in options.collections.items():
        sources.append((_pairs(_collected(name, collection, data)), collection.share))
    if options.procedural:
        sources.append((ProceduralScenes(*recipe.crops.shape, seed=recipe.seed), options.procedural))
    return sources[0][0] if len(sources) == 1 else MixedSources(*zip(*sources, strict=True))


def _check_shares(options: DataOptions) -> None:
    """Raises ValueError where there is nothing to draw crops from."""
    shares = {**options.shares, **{name: one.share for name, one in options.collections.items()}}
    if sum(shares.values()) + options.procedural > 0:
        return
    if not shares:
        raise ValueError("data: expected shares of data sets, collections or procedural scenes, found none")
    raise ValueError(
        f"data: expected a share above 0 for at least one of {sorted(shares)} or `procedural`, found 0 for all"
    )


def open_dev(recipe: Recipe, data: Path) -> list[Pair]:
    """The images that a recipe is evaluated on, no more of them than it asks for, spread evenly.

    Raises:
        FileNotFoundError: a data set is not where it should be.
    """
    entries = [e for name, c in recipe.data.dev.items() for e in _collected(name, c, data)]
    if not recipe.data.dev:
        entries = read_manifest(data, "dev")
    wanted = min(recipe.dev.images or len(entries), len(entries))
    return [load_pair(entries[number * len(entries) // wanted]) for number in range(wanted)]


def _collected(name: str, collection: Collection, data: Path) -> list[PairEntry]:
    entries = list(open_dataset(name, data / (collection.folder or name), collection.split, **collection.options))
    kept = entries[collection.first :][: collection.count or None]
    if not kept:
        raise ValueError(f"data: {name} has {len(entries)} images, so none from number {collection.first} on")
    return kept


def _pairs(entries: Sequence[PairEntry]) -> PairSource:
    """In memory, which the workers share, where they fit."""
    first = load_pair(entries[0])
    size = first.rgb.nbytes + first.target.nbytes + first.valid.nbytes
    if len(entries) > _IN_MEMORY or len(entries) * size > _MOST_BYTES:
        return LazyPairs(entries)
    return LoadedPairs([load_pair(e) for e in entries], [1.0] * len(entries))


def crop_options(recipe: Recipe) -> CropOptions:
    """How a recipe's crops are drawn. Raises ValueError where its settings do not go together."""
    settings = {f.name: getattr(recipe.crops, f.name) for f in dataclasses.fields(recipe.crops)}
    return CropOptions(**settings, scale=recipe.scale, batch_size=recipe.batch_size)


def crop_loader(recipe: Recipe, source: PairSource, first_step: int) -> DataLoader[dict[str, torch.Tensor]]:
    """Batches of crops without end for this process, from a step of the run on.

    Raises:
        ValueError: the batch cannot be shared by the processes.
    """
    here = Processes.from_environment()
    # a worker is forked off; it would wait forever for the threads of OpenCV that it does not inherit
    cv2.setNumThreads(0)
    sampler = EndlessSampler(recipe.batch_size, first_step, here.rank, here.count)
    return DataLoader(
        RandomCrops(source, crop_options(recipe), recipe.seed),
        batch_size=sampler.share,
        sampler=sampler,
        num_workers=recipe.workers,
        persistent_workers=recipe.workers > 0,
        # the default from Python 3.14 on starts workers that would each read the images again
        multiprocessing_context="fork" if recipe.workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_start_worker,
    )


def _start_worker(number: int) -> None:
    """Signals are the training process's to act on; it ends its workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
