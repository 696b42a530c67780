"""Shards that `python -m training extract` has written of bags; see docs/bags.md for what is in them.

Recordings are split, never frames: neighbouring frames show the same things. A recording is held out for `dev` by its
hash, so that it stays held out when others join it.
"""

from __future__ import annotations

import json
import tarfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import PairEntry, Raw
from training.datasets.readers.files import require_split
from training.extraction.manifest import BagRecord, Manifest

SPLITS = ("train", "dev", "all")

_GAP = 0.05  # share of a recording between the two parts of a split in time


@dataclass(frozen=True)
class Sample:
    """Where the files of one sample lie: offset and size inside a shard, by extension."""

    shard: Path
    key: str
    files: Mapping[str, tuple[int, int]]

    def read(self, extension: str) -> bytes:
        """The bytes of one file.

        Raises:
            FileNotFoundError: the shard is gone, or has no such file.
        """
        if extension not in self.files:
            raise FileNotFoundError(f"{self.shard}: {self.key} has no {extension}, only {sorted(self.files)}")
        offset, size = self.files[extension]
        with self.shard.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def read_json(self, name: str) -> dict[str, Any]:
        """`calibration` or `provenance`."""
        found: dict[str, Any] = json.loads(self.read(f"{name}.json"))
        return found

    def colour(self) -> NDArray[np.uint8]:
        """The colour image, (H, W, 3) uint8 RGB, at its recorded size."""
        extension = "rgb.jpg" if "rgb.jpg" in self.files else "rgb.png"
        return np.ascontiguousarray(self._image(extension, cv2.IMREAD_COLOR)[..., ::-1])

    def depth(self) -> NDArray[np.float32]:
        """Depth registered to colour, (h, w) float32 metres, 0 invalid."""
        unit = float(self.read_json("calibration")["depth_unit_m"])
        return self._image("depth.png", cv2.IMREAD_UNCHANGED).astype(np.float32) * np.float32(unit)

    def _image(self, extension: str, flags: int) -> NDArray[Any]:
        pixels = cv2.imdecode(np.frombuffer(self.read(extension), np.uint8), flags)
        if pixels is None:
            raise ValueError(f"{self.shard}: {extension} of {self.key} cannot be decoded; extract the bag again")
        return np.asarray(pixels)


def open_shards(
    folder: Path, split: str, *, held: Sequence[str] = (), held_share: float = 0.2, tail: float = 0.0
) -> list[PairEntry]:
    """One entry per frame, by recording and time; colour is reduced to the depth image's size where that is smaller.

    Args:
        folder: holds manifest.json and the shards it names.
        split: `train`, `dev` (recordings held out) or `all`.
        held: recordings held out, by name or beginning of their hash; none leaves it to `held_share`.
        held_share: share of the hashes whose recordings are held out. At least one is where there are two: the one
            with the lowest hash, which is trained on again once another falls into the share.
        tail: share of each recording that is held out instead of whole recordings: its last frames. Those just before
            them, a twentieth of the recording, are in neither split. Weaker evidence: the same place, seen before.

    Raises:
        FileNotFoundError: no manifest there, or a shard is missing.
        ValueError: unknown split or recording, a damaged shard, or nothing in the split.
    """
    require_split("shards", split, SPLITS)
    manifest = Manifest.read(folder)
    train, dev = split_recordings(manifest, held, held_share)
    everything = sorted([*train, *dev], key=lambda record: record.bag)
    records = everything if tail else {"train": train, "dev": dev, "all": everything}[split]
    if not records:
        raise ValueError(
            f"{folder}: expected recordings in split {split!r}, found {len(manifest.bags)} in all; a split by "
            "recording needs two: extract another bag"
        )
    step = float(manifest.options["depth_unit_m"])
    return [
        _entry(split, record, sample, step)
        for record in records
        for sample in in_time(samples_of(folder, record), split, tail)
    ]


def in_time(samples: Sequence[Sample], split: str, tail: float) -> Sequence[Sample]:
    """The part of a recording that is in a split, see `open_shards`; all of it where there is no tail.

    Raises:
        ValueError: a tail that is no share, or a recording too short to leave something on both sides.
    """
    if not 0 <= tail < 1:
        raise ValueError(f"shards: expected tail from 0 to below 1, found {tail}")
    if not tail or split == "all":
        return samples
    held = max(1, round(len(samples) * tail))
    train = len(samples) - held - max(1, round(len(samples) * _GAP))
    if train < 1:
        raise ValueError(
            f"{samples[0].shard}: expected at least 3 frames to split in time, found {len(samples)}; record longer"
        )
    return samples[:train] if split == "train" else samples[len(samples) - held :]


def split_recordings(
    manifest: Manifest, held: Sequence[str] = (), held_share: float = 0.2
) -> tuple[list[BagRecord], list[BagRecord]]:
    """Recordings to train on, and those held out; arguments and errors as of `open_shards`."""
    records = [manifest.bags[bag] for bag in sorted(manifest.bags)]
    if held:
        unknown = [word for word in held if not any(_is_called(record, word) for record in records)]
        if unknown:
            known = [f"{record.name} ({record.bag[:8]})" for record in records]
            raise ValueError(f"{manifest.folder}: no recordings {unknown} to hold out; it has {known}")
        out = [record for record in records if any(_is_called(record, word) for word in held)]
    else:
        # a recording's place is its own, whatever else is there; only where none, or all, are held one steps in
        out = [record for record in records if int(record.bag[:8], 16) < held_share * 2**32]
        if not out and len(records) > 1 and held_share > 0:
            out = records[:1]
        if len(out) == len(records):
            out = out[:-1]
    return [record for record in records if record not in out], out


def samples_of(folder: Path, record: BagRecord) -> list[Sample]:
    """The samples of a recording, in order.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: a shard is damaged.
    """
    samples = []
    for shard in record.shards:
        path = Path(folder) / shard.name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; extract {record.name} again")
        if path.stat().st_size != shard.bytes:
            found = path.stat().st_size
            raise ValueError(f"{path}: expected {shard.bytes} bytes, found {found}; extract {record.name} again")
        samples += _samples_in(path)
    return samples


def _samples_in(path: Path) -> list[Sample]:
    files: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            files[key][extension] = (member.offset_data, member.size)
    return [Sample(path, key, found) for key, found in files.items()]


def _is_called(record: BagRecord, word: str) -> bool:
    return record.name == word or (len(word) >= 4 and record.bag.startswith(word))


def _entry(split: str, record: BagRecord, sample: Sample, step: float) -> PairEntry:
    scene, _, view = sample.key.rpartition("-")
    read = partial(_read, sample)
    return PairEntry(split, "shards", scene, view, sample.shard, sample.shard, "depth", "m", step, read)


def sample_of(entry: PairEntry) -> Sample:
    """The sample behind an entry of `open_shards`, for its calibration and provenance.

    Raises:
        ValueError: an entry of something else.
    """
    if isinstance(entry.read, partial) and entry.read.func is _read:
        sample: Sample = entry.read.args[0]
        return sample
    raise ValueError(f"{entry.dataset} {entry.name}: expected an entry of the data set `shards`")


def _read(sample: Sample, entry: PairEntry) -> Raw:
    rgb, depth = sample.colour(), sample.depth()
    height, width = depth.shape
    if rgb.shape[:2] != depth.shape:
        rgb = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return rgb, depth
