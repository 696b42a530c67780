"""Middlebury stereo sets of 2001 to 2006: colour and 8-bit disparity, 0 where unknown.

Layouts, below the folder or below `<folder>/<year>`:

* 2001: `<scene>/im2.ppm`, `im6.ppm` with `disp2.pgm`, `disp6.pgm` (map: `im0.pgm`, `im1.pgm`, `disp0.pgm`, `disp1.pgm`;
  tsukuba: `scene1.row3.col3.ppm` with `truedisp.row3.col3.pgm`).
* 2003: `<scene>/im2.png`, `im6.png` with `disp2.png`, `disp6.png`.
* 2005, 2006: `<scene>/view1.png`, `view5.png` with `disp1.png`, `disp5.png` and `dmin.txt`. Scenes whose disparity is
  kept back (Computer, Drumsticks, Dwarves) are passed over.

The targets come in three kinds:

* `level`: what the file holds. The papers train and test on it.
* `pixel`: disparity at the image's own size, level / k, with k = 16 for tsukuba, 8 for the other scenes of 2001, 4, 2
  or 1 for quarter, half or full size of 2003, and 3, 2 or 1 for third, half or full size of 2005 and 2006. The size is
  told by the image's width.
* `metric`: 2005 and 2006 at full size only: Z = 160 mm * 3740 px / (d + dmin). What `dmin.txt` counts in the smaller
  versions could not be checked, so they are refused.

Splits: `all`, and for 2005 and 2006 DADA's `train`, `val` and `test` scenes. The factors agree with
the units that copies of these images are known by; the publisher's archives themselves were not at hand.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import Kind, PairEntry, Raw, read_colour, read_levels
from training.datasets.readers.files import require, require_split

YEARS = ("2001", "2003", "2005", "2006")
UNITS = {"level": "disparity level", "pixel": "disparity pixel", "metric": "m"}
_STEPS = {"level": 1.0, "pixel": 0.25, "metric": 0.005}
_FOCAL_LENGTH, _BASELINE = 3740.0, 0.160  # pixels at full size, metres
_VIEWS = {
    "2001": [
        ("im2.ppm", "disp2.pgm"),
        ("im6.ppm", "disp6.pgm"),
        ("im0.pgm", "disp0.pgm"),
        ("im1.pgm", "disp1.pgm"),
        ("scene1.row3.col3.ppm", "truedisp.row3.col3.pgm"),
    ],
    "2003": [("im2.png", "disp2.png"), ("im6.png", "disp6.png")],
    "2005": [("view1.png", "disp1.png"), ("view5.png", "disp5.png")],
}
_VIEWS["2006"] = _VIEWS["2005"]
_DADA = {"val": {"Moebius", "Lampshade1", "Lampshade2"}, "test": {"Reindeer", "Bowling1", "Bowling2"}}


def source(year: str) -> str:
    """What to get, and where."""
    return f"Middlebury {year}: unpack the scenes of https://vision.middlebury.edu/stereo/data/scenes{year}/ there."


def open_middlebury(folder: Path, split: str, *, year: str, target: str = "level") -> list[PairEntry]:
    """Entries of a year, scene by scene and view by view.

    Args:
        folder: holds the scenes, or a folder of the year's name that does.
        split: see the module's text.
        year: one of `YEARS`.
        target: one of `UNITS`.

    Raises:
        FileNotFoundError: no scenes there, or a colour image or `dmin.txt` is missing beside a disparity file.
        ValueError: unknown split, or metric depth of a year that has no calibration.
    """
    require_split(f"middlebury{year}", split, ("all", "train", "val", "test") if year >= "2005" else ("all",))
    if target == "metric" and year < "2005":
        raise ValueError(f"middlebury{year}: no calibration is published; use level or pixel instead of metric")
    root = folder / year if (folder / year).is_dir() else folder
    scenes = [s for s in sorted(require(root, source(year)).iterdir()) if s.is_dir() and _in_split(s.name, split)]
    entries = [entry for scene in scenes for entry in _scene(scene, split, year, target)]
    if not entries:
        names = " or ".join(disparity for _, disparity in _VIEWS[year])
        raise FileNotFoundError(f"{root}: no scene folders of split {split} with {names}. {source(year)}")
    return entries


def _in_split(scene: str, split: str) -> bool:
    if split == "train":
        return not any(scene in names for names in _DADA.values())
    return split == "all" or scene in _DADA[split]


def _scene(scene: Path, split: str, year: str, target: str) -> list[PairEntry]:
    entries = []
    dataset = f"middlebury{year}-pixel" if target == "pixel" else f"middlebury{year}"
    for colour, disparity in _VIEWS[year]:
        if not (scene / disparity).is_file():
            continue
        require(scene / colour, source(year))
        if target == "metric":
            require(scene / "dmin.txt", source(year))
        view = "v" + "".join(c for c in Path(colour).stem if c.isdigit())
        kind: Kind = "depth" if target == "metric" else "disparity"
        files = scene / colour, scene / disparity
        read = partial(_read, year, target)
        entries.append(PairEntry(split, dataset, scene.name, view, *files, kind, UNITS[target], _STEPS[target], read))
    return entries


def _read(year: str, target: str, entry: PairEntry) -> Raw:
    levels = read_levels(entry.gt)
    rgb = read_colour(entry.rgb)
    if target == "level":
        return rgb, levels
    factor = levels_per_pixel(year, entry.scene, levels.shape[1])
    if target == "pixel":
        return rgb, levels / np.float32(factor)
    if factor != 1:
        raise ValueError(f"{entry.gt}: metric depth needs the full-size version, found one of width {levels.shape[1]}")
    return rgb, _metres(levels, _offset(entry.gt.parent / "dmin.txt"))


def _offset(path: Path) -> float:
    text = path.read_text()
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{path}: expected one number, the smallest disparity, found {text.strip()!r}") from error


def levels_per_pixel(year: str, scene: str, width: int) -> int:
    """Grey levels per pixel of disparity, by the year, the scene and the width of the image."""
    if year == "2001":
        return 16 if scene.lower().startswith("tsukuba") else 8
    if year == "2003":
        return 4 if width < 650 else 2 if width < 1300 else 1
    return 3 if width < 550 else 2 if width < 1000 else 1


def _metres(levels: NDArray[np.float32], offset: float) -> NDArray[np.float32]:
    known = levels > 0
    depth = np.full(levels.shape, np.nan, np.float32)
    depth[known] = _FOCAL_LENGTH * _BASELINE / (levels[known] + offset)
    return depth
