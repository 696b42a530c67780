"""DIML/CVL RGB-D, the indoor sample (Cho et al. 2021): Kinect v2, 756x1344 (HR) or 288x512 (LR), filled depth in mm.

Layout: `<train|test>/<HR|LR>/<scene>/color/<name>_c.png` and `depth_filled/<name>_depth_filled.png` (16-bit).

Splits: `test`; `train` and `val` as DADA's authors cut them, the last tenth of each training scene for `val`; `all`.
The layout is that of their code; not checked against the real files.
"""

from __future__ import annotations

from pathlib import Path

from training.datasets.pairs import PairEntry
from training.datasets.readers.files import require, require_split
from training.datasets.readers.images import read_millimetres

SOURCE = "DIML: unpack the indoor sample of https://dimlrgbd.github.io there, as train/ and test/."
_TRAIN_SHARE = 0.9


def open_diml(folder: Path, split: str, *, resolution: str = "HR") -> list[PairEntry]:
    """Entries scene by scene.

    Raises:
        FileNotFoundError: a folder, or a depth file beside a colour image, is missing.
        ValueError: unknown split or resolution.
    """
    require_split("diml", split, ("train", "val", "test", "all"))
    if resolution not in ("HR", "LR"):
        raise ValueError(f"diml: expected resolution HR or LR, found {resolution!r}")
    parts = ("train", "test") if split == "all" else ("test" if split == "test" else "train",)
    entries = []
    for part in parts:
        for scene in sorted(require(folder / part / resolution, SOURCE).iterdir()):
            files = sorted(f for f in (scene / "color").glob("*.png") if not f.name.startswith("."))
            cut = int(len(files) * _TRAIN_SHARE)
            kept = {"train": files[:cut], "val": files[cut:]}.get(split, files)
            entries += [_entry(split, resolution, scene, colour) for colour in kept]
    if not entries:
        raise FileNotFoundError(f"{folder}: no <scene>/color/*.png in {parts} {resolution}. {SOURCE}")
    return entries


def _entry(split: str, resolution: str, scene: Path, colour: Path) -> PairEntry:
    dataset = "diml" if resolution == "HR" else "diml-lr"
    name = colour.stem.removesuffix("_c")
    depth = require(scene / "depth_filled" / f"{name}_depth_filled.png", SOURCE)
    return PairEntry(split, dataset, scene.name, name, colour, depth, "depth", "m", 0.001, read_millimetres)
