"""RGB-D-D (He et al. 2021): colour and depth of a laboratory camera, with the depth of a phone beside it.

Colour is 384x512, as is the ground truth of a Lucid Helios; the phone's ToF sensor gives 144x192. Both depths are
16-bit millimetres.

Layouts:

* as the publisher packs it: `<kind>/<kind>_<train|test>/<id>/` with `<id>_RGB.jpg`, `<id>_HR_gt.png` and
  `<id>_LR_fill_depth.png`, for the kinds `models`, `plants`, `portraits`. A folder `lights` (all for testing) is read
  where it has the same form.
* as several authors repack it: `<Train|Test>/RGBDD_RGB`, `RGBDD_GT`, `RGBDD_LR` with the same file names.

The phone's depth is at `PairEntry.read_low`. The layouts are those of public code; not checked against the real files,
which are sent on request only.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import PairEntry, read_levels
from training.datasets.readers.files import require, require_split
from training.datasets.readers.images import read_millimetres

KINDS = ("models", "plants", "portraits", "lights")
SOURCE = (
    "RGB-D-D: the publisher sends a link against a signed agreement, see https://github.com/lingzhi96/RGB-D-D-Dataset. "
    "Expected models/models_train/<id>/<id>_RGB.jpg and so on, or Train/RGBDD_RGB, RGBDD_GT, RGBDD_LR."
)


def open_rgbdd(folder: Path, split: str) -> list[PairEntry]:
    """Entries of `train`, `test` or `all`, sorted by kind and name.

    Raises:
        FileNotFoundError: nothing of this data set is there, or one of a pair's files is missing.
        ValueError: unknown split.
    """
    require_split("rgbdd", split, ("train", "test", "all"))
    entries = []
    for part in ("train", "test") if split == "all" else (split,):
        for colour in sorted(folder.glob(f"*/*_{part}/*/*_RGB.jpg")):
            if colour.parents[2].name in KINDS:
                entries.append(_entry(split, colour.parents[2].name, colour, colour.parent, colour.parent))
        packed = folder / part.capitalize()
        for colour in sorted(packed.glob("RGBDD_RGB/*_RGB.jpg")):
            entries.append(_entry(split, "rgbdd", colour, packed / "RGBDD_GT", packed / "RGBDD_LR"))
    if not entries:
        raise FileNotFoundError(f"{folder}: no images of split {split}. {SOURCE}")
    return entries


def _entry(split: str, kind: str, colour: Path, truth: Path, low: Path) -> PairEntry:
    name = colour.name.removesuffix("_RGB.jpg")
    depth = require(truth / f"{name}_HR_gt.png", SOURCE)
    phone = partial(_read_low, low / f"{name}_LR_fill_depth.png")
    return PairEntry(split, "rgbdd", kind, name, colour, depth, "depth", "m", 0.001, read_millimetres, phone)


def _read_low(path: Path, entry: PairEntry) -> NDArray[np.float32]:
    return read_levels(require(path, SOURCE)) * np.float32(0.001)
