"""Shards: tar files of samples in the WebDataset naming, the same byte for byte whenever they hold the same.

A sample is the files of one key:

    KEY.rgb.png or KEY.rgb.jpg   colour; JPEG only where the bag held JPEG, whose bytes are kept
    KEY.depth.png                16-bit depth, 0 invalid, in the unit of calibration.json, registered to colour
    KEY.valid.png                255 where depth was measured, 0 elsewhere
    KEY.calibration.json         cameras of both images and the unit of depth
    KEY.provenance.json          where it comes from: hash of the bag, topics, frames, stamps, measures of selection
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics
from training.extraction.bag_pairs import BagPair

SUFFIX = ".tar"
_LARGEST = 65535


class ShardWriteError(OSError):
    """A shard cannot be written: full disk, quota, rights. The run ends; nothing half-written is used."""


@dataclass(frozen=True)
class Shard:
    """A finished shard: file name, SHA-256, size in bytes, samples in it."""

    name: str
    sha256: str
    bytes: int
    samples: int


class ShardWriter:
    """Writes samples into shards of limited length.

    Args:
        folder: where shards are written; they are complete when `close` returns, not before.
        stem: beginning of shard names and keys, without a dot.
        samples: most samples in a shard.
    """

    def __init__(self, folder: Path, stem: str, samples: int) -> None:
        if "." in stem or samples < 1:
            raise ValueError(f"shards: expected a stem without dots and at least 1 sample, found {stem!r}, {samples}")
        self._folder, self._stem, self._limit = folder, stem, samples
        self._shards: list[Shard] = []
        self._open: _OpenShard | None = None
        self.samples = 0

    def add(self, files: Mapping[str, bytes]) -> None:
        """Writes one sample, its files by extension.

        Raises:
            ShardWriteError: it cannot be written.
        """
        try:
            if self._open is not None and self._open.samples == self._limit:
                self._finish()
            if self._open is None:
                self._open = _OpenShard(self._folder / f"{self._stem}-{len(self._shards):05d}{SUFFIX}")
            self._open.add(f"{self._stem}-{self.samples:06d}", files)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        self.samples += 1

    def close(self) -> list[Shard]:
        """Completes the last shard and names all of them.

        Raises:
            ShardWriteError: it cannot be written.
        """
        try:
            self._finish()
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        return self._shards

    def abandon(self) -> None:
        """Lets go of an unfinished shard, which is left as it is."""
        if self._open is not None:
            self._open.abandon()

    def _finish(self) -> None:
        if self._open is not None:
            self._shards.append(self._open.close())
            self._open = None


class _OpenShard:
    def __init__(self, path: Path) -> None:
        self._path, self.samples = path, 0
        self._file = path.open("wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115

    def add(self, key: str, files: Mapping[str, bytes]) -> None:
        for extension in sorted(files):
            member = tarfile.TarInfo(f"{key}.{extension}")
            member.size, member.mode = len(files[extension]), 0o644
            self._tar.addfile(member, io.BytesIO(files[extension]))
        self.samples += 1

    def close(self) -> Shard:
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        digest = hashlib.sha256(self._path.read_bytes()).hexdigest()
        return Shard(self._path.name, digest, self._path.stat().st_size, self.samples)

    def abandon(self) -> None:
        with suppress(OSError):  # the disk may be full
            self._file.close()


def sample_files(pair: BagPair, depth_unit_m: float, provenance: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of one sample, by extension.

    Args:
        pair: the frame.
        depth_unit_m: metres per unit of the depth image.
        provenance: what goes into provenance.json.
    """
    units = depth_units(pair.depth, depth_unit_m)
    cameras = {"colour_camera": _camera(pair.colour_camera), "depth_camera": _camera(pair.depth_camera)}
    colour = {"rgb.jpg": pair.jpeg} if pair.jpeg else {"rgb.png": png(pair.rgb[..., ::-1])}
    return {
        **colour,
        "depth.png": png(units),
        "valid.png": png(np.where(units > 0, 255, 0).astype(np.uint8), bilevel=True),
        "calibration.json": to_json({**cameras, "depth_unit_m": depth_unit_m}),
        "provenance.json": to_json(provenance),
    }


def depth_units(depth: NDArray[np.float32], unit_m: float) -> NDArray[np.uint16]:
    """Metres as whole units; 0 where invalid, below half a unit, or beyond what 16 bits hold."""
    units = depth.astype(np.float64) / unit_m + 0.5
    with np.errstate(invalid="ignore"):
        fits = (units >= 1) & (units < _LARGEST)
    return np.where(fits, units, 0).astype(np.uint16)


def to_json(value: Any) -> bytes:
    """JSON in one spelling only."""
    return (json.dumps(value, sort_keys=True, indent=1) + "\n").encode()


def png(pixels: NDArray[Any], bilevel: bool = False) -> bytes:
    """A PNG file of an image (grey, or BGR); `bilevel` stores one bit a pixel."""
    options = [cv2.IMWRITE_PNG_BILEVEL, 1] if bilevel else []
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels), options)[1].tobytes())


def _camera(camera: Intrinsics | None) -> dict[str, Any] | None:
    return None if camera is None else asdict(camera)


def cannot_write(folder: Path, error: OSError) -> ShardWriteError:
    """What to raise where a shard, or what belongs to it, cannot be written."""
    return ShardWriteError(
        error.errno,
        f"{folder}: expected room for a shard, found: {error.strerror or error}; free some space or choose another "
        "--out. Finished bags are kept; run the same command again to continue with the others",
    )
