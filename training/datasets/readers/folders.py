"""Your own data: a folder `rgb` and a folder `depth`, matched by file name without extension.

Colour is anything OpenCV reads; depth is an image of integers (16-bit PNG above all), a TIFF or PFM of floats, or a
.npy array. Splits are folders: `train` reads `<folder>/train/rgb`, and `all` reads `<folder>/rgb`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import Kind, PairEntry, Raw, read_colour, read_levels
from training.datasets.readers.files import read_pfm, require

LAYOUT = "Folder of pairs: expected {0}/<name>.png or .jpg and {1}/<name>.png, .tiff, .pfm or .npy."
METRES = {"mm": 0.001, "cm": 0.01, "m": 1.0}
_COLOUR = {".png", ".jpg", ".jpeg", ".ppm", ".bmp", ".tif", ".tiff"}
_DEPTH = {".png", ".tif", ".tiff", ".pgm", ".pfm", ".npy"}


def open_folders(
    folder: Path,
    split: str,
    *,
    unit: str | float = "mm",
    zero_is_valid: bool = False,
    names: tuple[str, str] = ("rgb", "depth"),
    title: str = "",
    origin: str = "",
) -> list[PairEntry]:
    """Pairs sorted by name.

    Args:
        folder: holds `rgb` and `depth`, or folders of the splits' names that do.
        split: `all`, or the name of such a folder.
        unit: of a depth value: `mm`, `cm`, `m`, metres per count as a number, or `disparity`, which is kept, as are
            the levels of maps that are no depth at all.
        zero_is_valid: 0 is a value and no hole.
        names: of the two folders.
        title: name of the set; by default that of its folder.
        origin: where the set comes from, for messages.

    Raises:
        FileNotFoundError: no such folders, or images without a partner, by name.
        ValueError: unknown unit, or two files of one name.
    """
    factor = _metres_per_unit(unit)
    root = folder if split == "all" else folder / split
    source = f"{LAYOUT.format(*names)} {origin}".strip()
    colours = _by_name(require(root / names[0], source), _COLOUR)
    depths = _by_name(require(root / names[1], source), _DEPTH)
    alone = sorted(set(colours) ^ set(depths))
    if alone or not colours:
        raise FileNotFoundError(f"{root}: {len(alone)} images without a partner: {alone[:5]}. {source}")
    kind: Kind = "depth" if factor else "disparity"
    word, step = ("m", min(factor, 0.001)) if factor else ("disparity", 1.0)
    dataset, read = title or folder.name, partial(_read, factor)
    return [
        PairEntry(
            split, dataset, name, "", colours[name], depths[name], kind, word, step, read, zero_is_valid=zero_is_valid
        )
        for name in sorted(colours)
    ]


def _metres_per_unit(unit: str | float) -> float:
    """0 for disparity."""
    if unit == "disparity":
        return 0.0
    if isinstance(unit, str) and unit in METRES:
        return METRES[unit]
    if isinstance(unit, int | float) and unit > 0:
        return float(unit)
    raise ValueError(f"unit: expected {', '.join(METRES)}, disparity or metres per count, found {unit!r}")


def _by_name(folder: Path, suffixes: set[str]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in suffixes:
            continue
        if path.stem in files:
            raise ValueError(f"{folder}: expected one file per name, found {files[path.stem].name} and {path.name}")
        files[path.stem] = path
    return files


def _read(factor: float, entry: PairEntry) -> Raw:
    return read_colour(entry.rgb), _values(entry.gt) * np.float32(factor or 1.0)


def _values(path: Path) -> NDArray[np.float32]:
    if path.suffix == ".npy":
        return np.asarray(np.load(path), np.float32)
    return read_pfm(path) if path.suffix.lower() == ".pfm" else read_levels(path)
