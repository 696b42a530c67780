"""Middlebury stereo set of 2014: colour and sub-pixel disparity as PFM, infinite where unknown.

Layout, below the folder or below `<folder>/2014`: `<scene>/im0.png`, `im1.png`, `disp0.pfm`, `disp1.pfm`, `calib.txt`.
Scenes named `-imperfect` hold the pictures of the `-perfect` ones with poorer rectification and are passed over. The
training sets of the third evaluation, `disp0GT.pfm` of one view, are read too.

The disparity is either kept in pixels, or turned into metres by the scene's calibration,
Z = baseline * f / (d + doffs), with the baseline in millimetres.

Splits: `all`, and DADA's `train`, `val` and `test` scenes. The formula was checked on one
quarter-size disparity with its calibration; the publisher's archives themselves were not at hand.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import PairEntry, Raw, read_colour
from training.datasets.readers.files import read_pfm, require, require_split

SOURCE = "Middlebury 2014: unpack the scenes of https://vision.middlebury.edu/stereo/data/scenes2014/ there."
_DADA = {"val": {"Shelves", "Playtable"}, "test": {"Adirondack", "Motorcycle"}}


def open_middlebury2014(folder: Path, split: str, *, target: str = "pixel") -> list[PairEntry]:
    """Entries, scene by scene and view by view.

    Args:
        folder: holds the scenes, or a folder `2014` that does.
        split: `all`, `train`, `val` or `test`.
        target: `pixel` (disparity) or `metric`.

    Raises:
        FileNotFoundError: no scenes there, or a colour image or `calib.txt` is missing beside a disparity file.
        ValueError: unknown split.
    """
    require_split("middlebury2014", split, ("all", "train", "val", "test"))
    root = folder / "2014" if (folder / "2014").is_dir() else folder
    scenes = [s for s in sorted(require(root, SOURCE).iterdir()) if s.is_dir() and _in_split(s.name, split)]
    entries = [entry for scene in scenes for entry in _scene(scene, split, target)]
    if not entries:
        raise FileNotFoundError(f"{root}: no scene folders of split {split} with disp0.pfm. {SOURCE}")
    return entries


def _in_split(name: str, split: str) -> bool:
    if name.endswith("-imperfect"):
        return False
    scene = name.removesuffix("-perfect")
    if split == "train":
        return not any(scene in names for names in _DADA.values())
    return split == "all" or scene in _DADA[split]


def _scene(scene: Path, split: str, target: str) -> list[PairEntry]:
    entries = []
    for view in (0, 1):
        files = [scene / name for name in (f"disp{view}.pfm", f"disp{view}GT.pfm") if (scene / name).is_file()]
        if not files:
            continue
        colour = require(scene / f"im{view}.png", SOURCE)
        metric = target == "metric"
        if metric:
            require(scene / "calib.txt", SOURCE)
        entries.append(
            PairEntry(
                split,
                "middlebury2014",
                scene.name,
                f"v{view}",
                colour,
                files[0],
                "depth" if metric else "disparity",
                "m" if metric else "disparity pixel",
                0.002 if metric else 0.1,
                partial(_read, metric),
            )
        )
    return entries


def _read(metric: bool, entry: PairEntry) -> Raw:
    disparity = read_pfm(entry.gt)
    rgb = read_colour(entry.rgb)
    if not metric:
        return rgb, disparity
    path = entry.gt.parent / "calib.txt"
    calibration = read_calibration(path)
    try:
        return rgb, to_metres(disparity, calibration)
    except (ValueError, IndexError) as error:
        raise ValueError(f"{path}: expected numbers as cam0, baseline and doffs, found: {error}") from error


def read_calibration(path: Path) -> dict[str, str]:
    """The lines `key=value` of a `calib.txt`. Raises FileNotFoundError, or ValueError where a needed key is missing."""
    lines = require(path, SOURCE).read_text().splitlines()
    values = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    missing = {"cam0", "baseline", "doffs"} - set(values)
    if missing:
        raise ValueError(f"{path}: expected lines cam0=, baseline=, doffs=; missing {sorted(missing)}")
    return values


def to_metres(disparity: NDArray[np.float32], calibration: dict[str, str]) -> NDArray[np.float32]:
    """Metric depth of a disparity map in pixels of the calibrated size; NaN where the disparity is not finite."""
    focal_length = float(calibration["cam0"].strip("[]").split()[0])
    known = np.isfinite(disparity) & (disparity > 0)
    depth = np.full(disparity.shape, np.nan, np.float32)
    scale = float(calibration["baseline"]) * focal_length / 1000
    depth[known] = scale / (disparity[known] + float(calibration["doffs"]))
    return depth
