"""A colour image with its dense or semi-dense ground truth, and how a folder with a manifest lists them.

A manifest is a CSV with the columns split, set, scene, view, rgb, gt, unit; paths are relative to its folder. In a
ground-truth file 0 means a hole. Values stay in the file's own unit (disparity levels, pixels or millimetres):
super-resolution is trained and evaluated on min-max normalised maps, and errors are reported in the file's unit.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.holes import fill_nearest

COLUMNS = ("split", "set", "scene", "view", "rgb", "gt", "unit")
"""Columns that a manifest must have; others are passed over."""

Kind = Literal["disparity", "depth"]
Raw = tuple[NDArray[np.uint8], NDArray[np.float32]]
"""Colour (H, W, 3) RGB and ground truth (H, W); negative and not finite values are invalid, and 0 unless told."""


@dataclass(frozen=True)
class PairEntry:
    """One image of a data set and how to read it; nothing is read before `load_pair`.

    Attributes:
        split: `train`, `dev`, `test`, `synthetic`, or what the publisher calls it.
        dataset: name of the set, e.g. `middlebury2006_third`.
        scene: scene name; splits are by scene.
        view: view or frame name; may be empty.
        rgb: colour image file.
        gt: ground-truth file; without `read` .png (first channel) or .npz with the array `disp`.
        kind: whether values grow towards the camera (`disparity`) or away from it (`depth`).
        unit: what a ground-truth value counts: `m`, `mm`, `disparity` (pixels or levels), or a manifest's own word.
        step: distance between neighbouring ground-truth values where the file's name does not tell it.
        read: reads the pair of a layout of its own; None for the two plain files of a manifest.
        read_low: reads the low-resolution depth that a sensor of its own delivered, where the set has one: (h, w) in
            the unit of the ground truth, 0 or not finite where invalid.
        zero_is_valid: whether 0 is a value in the ground truth, as in a saliency map, rather than a hole.
    """

    split: str
    dataset: str
    scene: str
    view: str
    rgb: Path
    gt: Path
    kind: Kind
    unit: str = ""
    step: float | None = None
    read: Callable[[PairEntry], Raw] | None = None
    read_low: Callable[[PairEntry], NDArray[np.float32]] | None = None
    zero_is_valid: bool = False

    @property
    def quantum(self) -> float:
        """Step between neighbouring ground-truth values: 1 for integer images, 0.1 for float arrays by convention."""
        if self.step is not None:
            return self.step
        return 0.1 if self.gt.suffix == ".npz" else 1.0

    @property
    def name(self) -> str:
        """Scene and view in one word."""
        return f"{self.scene}_{self.view}" if self.view else self.scene


@dataclass(frozen=True)
class Pair:
    """Loaded pair: `rgb` uint8 (H, W, 3) RGB; `target` float32 (H, W) in the file's unit; `valid` bool (H, W).

    Where `valid` is False, `target` holds the nearest valid value, so that resampling has no steps at holes.
    """

    entry: PairEntry
    rgb: NDArray[np.uint8]
    target: NDArray[np.float32]
    valid: NDArray[np.bool_]


def read_manifest(folder: Path, *splits: str) -> list[PairEntry]:
    """Entries of `folder/manifest.csv` in the given splits (all where none is given).

    Raises:
        FileNotFoundError: no manifest there; the message says what is expected.
        ValueError: a column is missing, a line is cut short, or a requested split has no entries.
    """
    path = Path(folder) / "manifest.csv"
    if not path.is_file():
        raise FileNotFoundError(f"{path} not found: expected a data folder with a manifest.csv; give it by --data")
    entries = [_entry(Path(folder), row) for row in _rows(path)]
    if not splits:
        return entries
    missing = set(splits) - {e.split for e in entries}
    if missing:
        raise ValueError(f"{path}: no entries for split {sorted(missing)}; it has {sorted({e.split for e in entries})}")
    return [e for e in entries if e.split in splits]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        reader = csv.DictReader(stream)
        header = list(reader.fieldnames or [])
        if missing := [name for name in COLUMNS if name not in header]:
            raise ValueError(
                f"{path}: expected the columns {','.join(COLUMNS)} in its first line, found {','.join(header)!r}; "
                f"add {', '.join(missing)}"
            )
        rows = []
        for row in reader:
            if empty := [name for name in COLUMNS if row[name] is None]:
                raise ValueError(f"{path}, line {reader.line_num}: cut short, nothing in {', '.join(empty)}")
            rows.append(row)
    return rows


def _entry(folder: Path, row: dict[str, str]) -> PairEntry:
    kind: Kind = "disparity" if "disparity" in row["unit"] else "depth"
    return PairEntry(
        row["split"], row["set"], row["scene"], row["view"], folder / row["rgb"], folder / row["gt"], kind, row["unit"]
    )


def load_pair(entry: PairEntry) -> Pair:
    """Reads both files of an entry.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: sizes differ, or the ground truth has no valid pixel.
    """
    rgb, raw = entry.read(entry) if entry.read else (read_colour(entry.rgb), _read_ground_truth(entry.gt))
    if raw.shape != rgb.shape[:2]:
        raise ValueError(f"{entry.name}: colour is {rgb.shape[:2]}, ground truth {raw.shape}; expected equal sizes")
    valid = np.isfinite(raw) & ((raw >= 0) if entry.zero_is_valid else (raw > 0))
    if not valid.any():
        raise ValueError(f"{entry.gt}: no valid pixel (all values are 0 or not finite)")
    return Pair(entry, rgb, fill_nearest(raw, valid), valid)


def value_range(pair: Pair, depth: NDArray[np.float32]) -> tuple[float, float]:
    """Smallest and largest value of depth (H, W) where the pair's ground truth is valid.

    Raises:
        ValueError: they are the same, so that nothing can be normalised by them.
    """
    known = depth[pair.valid]
    low, high = float(known.min()), float(known.max())
    if not high > low:
        raise ValueError(
            f"{pair.entry.dataset} {pair.entry.name}: its ground truth is {low:g} everywhere, and cannot be normalised "
            "by its range; leave the image out"
        )
    return low, high


def read_colour(path: Path) -> NDArray[np.uint8]:
    """Reads a colour image as uint8 RGB. Raises FileNotFoundError where there is none that OpenCV can read."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise FileNotFoundError(f"{path}: missing or not an image")
    return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)


def _read_ground_truth(path: Path) -> NDArray[np.float32]:
    if path.suffix == ".npz" and path.is_file():
        with np.load(path) as archive:
            if "disp" not in archive:
                raise ValueError(f"{path}: expected the array disp, found {sorted(archive)}; save it by that name")
            return np.asarray(archive["disp"], dtype=np.float32)
    return read_levels(path)


def read_levels(path: Path) -> NDArray[np.float32]:
    """Reads an image's grey values (of a colour image the first channel) as they are stored, 8 or 16 bits.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not an image.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: ground-truth file is missing")
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f"{path}: not an image that OpenCV can read")
    return np.asarray(image if image.ndim == 2 else image[:, :, 0], dtype=np.float32)
