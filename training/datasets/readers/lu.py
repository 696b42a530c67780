"""Test data of Lu et al. (2014), "Depth enhancement via low-rank matrix completion".

It holds 6 RGB-D pairs of an ASUS Xtion Pro and 30 pairs of Middlebury 2001 to 2006 with their holes filled; DKN, JIIF
and DAGF test on both.

Layout as the authors pack it: `03_RGBD_Dataset` and `01_Middlebury_Dataset`, in each one file with `output_color` and
one with `output_depth` in its name per pair (some of the first are spelt `ouput_color`). Depth is 8-bit, the first
channel; for the Xtion it has no unit, for Middlebury it is disparity. A 0 is taken as a hole, as everywhere here, but
for the option `zero_is_valid`; the papers take it as a value.

The folder names and patterns are those that JIIF's code uses; not checked against the real archive, nor whether the
Xtion's grey grows towards the camera or away from it (taken as disparity).
"""

from __future__ import annotations

from pathlib import Path

from training.datasets.pairs import PairEntry
from training.datasets.readers.files import require_split

PARTS = {"lu": "03_RGBD_Dataset", "middlebury-lu": "01_Middlebury_Dataset"}
SOURCE = (
    "Unpack Depth_Enh.zip of http://web.cecs.pdx.edu/~fliu/project/depth-enhance/ there: it holds "
    "01_Middlebury_Dataset and 03_RGBD_Dataset."
)


def open_lu(folder: Path, split: str, *, name: str = "lu", zero_is_valid: bool = False) -> list[PairEntry]:
    """Entries of one part, matched by the order of their names.

    Args:
        folder: holds the part's folder, or is it.
        split: `test` or `all`, which are the same.
        name: a key of `PARTS`.
        zero_is_valid: 0 is a value and no hole, as the papers count it.

    Raises:
        FileNotFoundError: no pairs there, or as many colour as depth files are not.
        ValueError: unknown split.
    """
    require_split(name, split, ("test", "all"))
    root = folder / PARTS[name] if (folder / PARTS[name]).is_dir() else folder
    colours, depths = (sorted(f for f in root.glob("*") if kind in f.name) for kind in ("put_color", "put_depth"))
    if not depths or len(colours) != len(depths):
        raise FileNotFoundError(
            f"{root}: expected as many files *output_color* as *output_depth*, found {len(colours)} and {len(depths)}. "
            + SOURCE
        )
    return [
        PairEntry(
            split,
            name,
            depth.stem.partition("_output_depth")[0],
            "",
            colour,
            depth,
            "disparity",
            "level",
            1.0,
            zero_is_valid=zero_is_valid,
        )
        for colour, depth in zip(colours, depths, strict=True)
    ]
