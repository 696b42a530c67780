"""Which frames are trained on and which are held out to judge by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.datasets.pairs import PairEntry
from training.datasets.readers.shards import open_shards, sample_of, split_recordings
from training.extraction.manifest import Manifest
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

    def as_text(self) -> dict[str, Any]:
        """For the report."""
        return {"in_time": self.in_time, "frames": {name: dict(count) for name, count in self.frames.items()}}


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
        if not train or not held:
            side = "to train on" if not train else "held out"
            raise ValueError(f"{shards}: expected recordings on both sides of the split, found none {side}; see --held")
    return _split(shards, how, options.in_time)


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
    train, held = (open_shards(shards, part, **how) for part in ("train", "dev"))
    frames: dict[str, dict[str, int]] = {}
    for side, entries in (("train", train), ("held", held)):
        for entry in entries:
            of = frames.setdefault(recording_of(entry), {"train": 0, "held": 0})
            of[side] += 1
    return Split(train, held, how, in_time, frames)


def recording_of(entry: PairEntry) -> str:
    """Name of the recording that a frame of shards comes from."""
    stem = sample_of(entry).key.rpartition("-")[0]
    return stem.rpartition("-")[0] or stem


def spread(entries: Sequence[PairEntry], count: int) -> list[PairEntry]:
    """So many entries, evenly spread; all where `count` is 0 or more than there are."""
    wanted = min(count or len(entries), len(entries))
    return [entries[number * len(entries) // wanted] for number in range(wanted)]
