"""What an extraction folder holds: `manifest.json` lists the finished bags by hash, and nothing else counts.

A shard that the manifest does not name is not used. The manifest is replaced as a whole, by a temporary name and a
rename, after a bag's shards have got their names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from depth_sr_ros.recordings.salvage import bag_files
from training.extraction.shards import Shard, to_json

FORMAT = 1
MANIFEST, _LOCK, _HASHES = "manifest.json", ".lock", ".hashes.json"


@dataclass(frozen=True)
class BagRecord:
    """A finished bag.

    Attributes:
        bag: SHA-256 of its files.
        name: what it was called.
        topics: topic of colour and of depth.
        shards: its shards, in order, at least one.
        sheet: file name of its contact sheet, relative to the folder.
        counts: messages, pairs, frames kept and what became of the others.
        sizes: width and height of the colour and the depth images.
        notes: what a user should know: how it was read, what was lost.
    """

    bag: str
    name: str
    topics: Mapping[str, str]
    shards: tuple[Shard, ...]
    sheet: str
    counts: Mapping[str, int]
    sizes: Mapping[str, tuple[int, int]]
    notes: tuple[str, ...]

    @property
    def samples(self) -> int:
        """Frames in its shards."""
        return sum(shard.samples for shard in self.shards)


@dataclass
class Manifest:
    """The finished bags of a folder by hash, and the options that they were extracted with."""

    folder: Path
    options: Mapping[str, Any]
    bags: dict[str, BagRecord] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Reads the manifest of a folder.

        Raises:
            FileNotFoundError: no manifest there.
            ValueError: damaged, or of another format.
        """
        path = Path(folder) / MANIFEST
        if not path.is_file():
            raise FileNotFoundError(f"{path} not found: expected a folder that `extract` has written")
        try:
            raw = json.loads(path.read_text())
            if raw["format"] != FORMAT:
                raise ValueError(f"format {raw['format']}")
            records = [_record(entry) for entry in raw["bags"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: expected a manifest of format {FORMAT}, found {error!r}; extract into a new folder"
            ) from error
        return cls(Path(folder), raw["options"], {record.bag: record for record in records})

    def add(self, record: BagRecord) -> None:
        """Makes a bag a finished one. Raises OSError where the manifest cannot be written; the old one stays."""
        self.bags[record.bag] = record
        try:
            self.write()
        except OSError:
            del self.bags[record.bag]
            raise

    def write(self) -> None:
        """Replaces the file."""
        bags = [asdict(self.bags[bag]) for bag in sorted(self.bags)]
        replace_file(self.folder / MANIFEST, to_json({"format": FORMAT, "options": self.options, "bags": bags}))

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raises ValueError where the folder was made with others."""
        wanted = json.loads(to_json(options))
        differing = sorted(key for key in {*wanted, *self.options} if wanted.get(key) != self.options.get(key))
        if differing:
            found = ", ".join(f"{key} {self.options.get(key)!r}" for key in differing)
            asked = ", ".join(f"{key} {wanted.get(key)!r}" for key in differing)
            raise ValueError(f"{self.folder} was extracted with {found}, now requested: {asked}; choose another --out")


def _record(entry: Mapping[str, Any]) -> BagRecord:
    shards = tuple(Shard(**shard) for shard in entry["shards"])
    sizes = {key: (int(size[0]), int(size[1])) for key, size in entry["sizes"].items()}
    return BagRecord(**{**entry, "shards": shards, "sizes": sizes, "notes": tuple(entry["notes"])})


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file under a temporary name and gives it its name when it is on the disk."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder.

    Raises:
        ValueError: another one is at work in it.
    """
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(f"{folder}: another run is using it; wait or choose another --out") from error
        yield


def hash_bag(path: Path) -> str:
    """SHA-256 over the lengths and bytes of a bag's files, in order. Raises OSError where they cannot be read."""
    digest = hashlib.sha256()
    for file in bag_files(path):
        digest.update(file.stat().st_size.to_bytes(8, "little"))
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def bag_bytes(path: Path) -> int:
    """Size of a bag's files."""
    return sum(file.stat().st_size for file in bag_files(path))


class HashCache:
    """Hashes of bags that have been read before, found again by path, sizes and times of their files.

    Args:
        folder: where the cache lies; a cache that cannot be read is an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _HASHES
        try:
            known = json.loads(self._path.read_text())
            self._known: dict[str, str] = known if isinstance(known, dict) else {}
        except (OSError, ValueError):
            self._known = {}

    def get(self, path: Path) -> str | None:
        """The hash of a bag whose files have not changed since; None where it is not known."""
        return self._known.get(_signature(path))

    def put(self, path: Path, digest: str) -> None:
        """Remembers a hash."""
        self._known[_signature(path)] = digest

    def write(self) -> None:
        """Keeps the cache for the next run."""
        replace_file(self._path, to_json(self._known))


def _signature(path: Path) -> str:
    stats = [(file.name, file.stat()) for file in bag_files(path)]
    return json.dumps([str(path.resolve()), [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]])
