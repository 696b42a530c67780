"""Metric depth from ground truth in whatever unit its file has, for the protocols that score centimetres.

Middlebury's formulas are those of its publishers: Z = baseline * f / (d + dmin). For the 2005 and 2006 scenes the
baseline is 160 mm and f is 3740 px at full size; the 2014 scenes come with calibration files.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import Pair, PairEntry

_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_FOCAL_TIMES_BASELINE_2005 = 160.0 * 3740.0
# disparity of the crop's own origin, at full size
_DMIN_2005 = {"art": 200, "books": 200, "dolls": 200, "laundry": 230, "moebius": 200, "reindeer": 230}


def metres_per_unit(entry: PairEntry) -> float | None:
    """Metres that one of the ground truth's counts stands for; None where it is no metric depth.

    A unit is `m`, `cm` or `mm`, or such a word in a manifest's, as in `depth mm (uint16)`.
    """
    word = entry.unit.removeprefix("depth ").split(" ")[0]
    return _METRES.get(word) if entry.kind == "depth" else None


def centimetres(pair: Pair) -> NDArray[np.float32]:
    """Depth in centimetres, (H, W); meaningless where `pair.valid` is False.

    Raises:
        ValueError: nothing says how the pair's unit becomes metric.
        FileNotFoundError: the calibration file beside a 2014 scene is missing.
    """
    entry = pair.entry
    metres = metres_per_unit(entry)
    if metres is not None:
        return pair.target * np.float32(100 * metres)
    if "2005_full" in entry.dataset and entry.scene.lower() in _DMIN_2005:
        depth_mm = _FOCAL_TIMES_BASELINE_2005 / (pair.target + _DMIN_2005[entry.scene.lower()])
        return (depth_mm / 10).astype(np.float32)
    if "2014" in entry.dataset:
        focal, baseline, offset = read_calibration(_calibration(entry))
        return (focal * baseline / (pair.target + offset) / 10).astype(np.float32)
    raise ValueError(
        f"{entry.dataset}/{entry.name}: expected ground truth in m or mm, or Middlebury 2005 (full size) or 2014 with "
        f"its calibration, found unit {entry.unit!r}"
    )


def _calibration(entry: PairEntry) -> Path:
    """`SCENE_calib.txt` of a folder for all scenes, or `calib.txt` of the publisher's folder for each."""
    named, plain = (entry.gt.parent / name for name in (f"{entry.scene}_calib.txt", "calib.txt"))
    return plain if plain.is_file() and not named.is_file() else named


def read_calibration(path: Path) -> tuple[float, float, float]:
    """Focal length in pixels, baseline in mm and disparity offset of a Middlebury 2014 `calib.txt`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an entry is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: expected the calibration file that comes with the scene, by this name or as calib.txt there"
        )
    text = path.read_text()
    found = [re.search(rf"^{key}=\[?([-\d.]+)", text, re.MULTILINE) for key in ("cam0", "baseline", "doffs")]
    if not all(found):
        raise ValueError(f"{path}: expected the entries cam0, baseline and doffs")
    focal, baseline, offset = (float(match[1]) for match in found if match)
    return focal, baseline, offset
