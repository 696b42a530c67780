"""MPI Sintel with depth (Butler et al. 2012): rendered film, 436x1024, dense depth without holes.

Layout: `training/<render>/<sequence>/frame_0001.png` and `training/depth/<sequence>/frame_0001.dpt`; the pass is
`albedo`, `clean` or `final`. The depth archive is a separate download to be unpacked over the same folder. Depth is in
metres of the film's world, by the publisher; the sky has very large values, which are kept.

The byte layout of `.dpt` is that of the publisher's own reader (tag 202021.25, width, height, rows); not checked
against the real files.
"""

from __future__ import annotations

from pathlib import Path

from training.datasets.pairs import PairEntry, Raw, read_colour
from training.datasets.readers.files import read_dpt, require, require_split

SOURCE = (
    "MPI Sintel: unpack MPI-Sintel-complete.zip of http://sintel.is.tue.mpg.de and MPI-Sintel-depth-training of "
    "http://sintel.is.tue.mpg.de/depth there."
)
PASSES = ("clean", "albedo", "final")


def open_sintel(folder: Path, split: str, *, render: str = "clean") -> list[PairEntry]:
    """All frames with depth, sequence by sequence.

    Args:
        folder: holds `training`, or is it.
        split: `train` or `all`, which are the same: no depth is published for the other half.
        render: one of `PASSES`.

    Raises:
        FileNotFoundError: no depth there, or a picture is missing.
        ValueError: unknown split or pass.
    """
    require_split("sintel", split, ("train", "all"))
    if render not in PASSES:
        raise ValueError(f"sintel: expected render {', '.join(PASSES)}, found {render!r}")
    root = folder / "training" if (folder / "training").is_dir() else folder
    frames = sorted(require(root / "depth", SOURCE).glob("*/*.dpt"))
    if not frames:
        raise FileNotFoundError(f"{root / 'depth'}: no <sequence>/frame_*.dpt. {SOURCE}")
    entries = []
    for depth in frames:
        colour = require(root / render / depth.parent.name / f"{depth.stem}.png", SOURCE)
        entries.append(
            PairEntry(split, "sintel", depth.parent.name, depth.stem, colour, depth, "depth", "m", 0.001, _read)
        )
    return entries


def _read(entry: PairEntry) -> Raw:
    return read_colour(entry.rgb), read_dpt(entry.gt)
