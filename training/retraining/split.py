"""Which frames are trained on and which are held out to judge by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from training.datasets.pairs import PairEntry
from training.datasets.readers.shards import open_shards, sample_of, split_recordings
from training.extraction.manifest import BagRecord, Manifest
from training.retraining.settings import SplitOptions


@dataclass(frozen=True)
class Split:
    """Frames to train on and frames held out.

    Attributes:
        train: entries of the former.
        held: entries of the latter.
        options: of the data set `shards`, which give the same split.
        in_time: whether recordings are on both sides, which is weaker evidence.
        frames: number of frames by recording, `train` and `held`.
    """

    train: Sequence[PairEntry]
    held: Sequence[PairEntry]
    options: Mapping[str, Any]
    in_time: bool = False
    frames: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def freeze_recordings(shards: Path, folder: Path, bags: Collection[str]) -> Manifest:
    """Lists, in a manifest of its own, the shards of the recordings that were asked for; others are not used.

    Args:
        shards: folder that they were extracted into, beside `folder`; it may hold others from an earlier run.
        folder: for the list.
        bags: hashes of the recordings that were asked for.

    Raises:
        OSError: the list cannot be written.
    """
    found = Manifest.read(shards)
    frozen = Manifest(folder, found.options)
    for bag, record in found.bags.items():
        if bag in bags:
            named = tuple(replace(shard, name=f"../{shards.name}/{shard.name}") for shard in record.shards)
            frozen.bags[bag] = replace(record, shards=named)
    folder.mkdir(exist_ok=True)
    frozen.write()
    return frozen


ONE_RECORDING = (
    "a split by recording needs two, found {found}: record another place and add its bag, or give --split-in-time, "
    "which holds out the last part of a recording and is weaker evidence: the same place, seen before"
)


def split_frames(shards: Path, options: SplitOptions) -> Split:
    """Splits what was extracted.

    Raises:
        ValueError: one recording only, all held out, unknown names, or a recording too short to split in time.
    """
    manifest = Manifest.read(shards)
    how = split_options(options)
    if not options.in_time:
        check_recordings([(record.name, record.bag) for record in manifest.bags.values()])
        train, held = split_recordings(manifest, options.held, options.held_share)
        require_both_sides(shards, train, held)
    return _split(shards, how, options.in_time)


def require_both_sides(folder: Path, train: Sequence[BagRecord], held: Sequence[BagRecord]) -> None:
    """Raises ValueError where a split of recordings leaves one side empty."""
    if not train or not held:
        side = "to train on" if not train else "held out"
        raise ValueError(f"{folder}: expected recordings on both sides of the split, found none {side}; see --held")


def split_options(options: SplitOptions) -> dict[str, Any]:
    """Options of the data set `shards`."""
    if options.in_time:
        return {"tail": options.tail}
    return {"held": list(options.held), "held_share": options.held_share}


def check_recordings(names: Sequence[tuple[str, str]]) -> None:
    """Raises ValueError where there are not two recordings to split; `names` are names and hashes."""
    if len(names) < 2:
        raise ValueError(ONE_RECORDING.format(found=f"only {names[0][0]!r}" if names else "none"))


def _split(shards: Path, how: Mapping[str, Any], in_time: bool) -> Split:
    names = _names(Manifest.read(shards))
    train, held = ([_named(entry, names) for entry in open_shards(shards, part, **how)] for part in ("train", "dev"))
    frames: dict[str, dict[str, int]] = {}
    for side, entries in (("train", train), ("held", held)):
        for entry in entries:
            of = frames.setdefault(recording_of(entry), {"train": 0, "held": 0})
            of[side] += 1
    return Split(train, held, how, in_time, frames)


def _names(manifest: Manifest) -> dict[str, str]:
    """What to call the recordings, by the beginning of their hash: their names, and with it where names repeat."""
    count = Counter(record.name for record in manifest.bags.values())
    records = manifest.bags.values()
    return {one.bag[:8]: one.name if count[one.name] == 1 else f"{one.name} ({one.bag[:8]})" for one in records}


def _named(entry: PairEntry, names: Mapping[str, str]) -> PairEntry:
    return replace(entry, scene=names[sample_of(entry).key.rpartition("-")[0].rpartition("-")[2]])


def recording_of(entry: PairEntry) -> str:
    """What the recording is called that a frame of `split_frames` comes from."""
    return entry.scene


def spread(entries: Sequence[PairEntry], count: int) -> list[PairEntry]:
    """`count` entries, evenly spread; all if `count` is 0 or more than there are."""
    wanted = min(count or len(entries), len(entries))
    return [entries[number * len(entries) // wanted] for number in range(wanted)]
