"""Saliency maps: grey maps beside colour images, 0 to 255, in which 0 is a value and no hole.

A folder of your own holds `rgb` and `map`, matched by file name without extension. DUT-OMRON (C. Yang, L. Zhang,
H. Lu, X. Ruan, M. Yang, CVPR 2013), the papers' set of 5168 images, keeps its publisher's folder names.
"""

from __future__ import annotations

from pathlib import Path

from training.datasets.pairs import PairEntry
from training.datasets.readers.folders import open_folders


def open_saliency(folder: Path, split: str) -> list[PairEntry]:
    """Your own maps; `split` as in `open_folders`. Raises as that does."""
    return open_folders(folder, split, unit="disparity", names=("rgb", "map"), zero_is_valid=True)


def open_dut_omron(folder: Path, split: str) -> list[PairEntry]:
    """DUT-OMRON in one piece, unpacked side by side.

    Raises:
        FileNotFoundError: folders or files are missing.
        ValueError: a split other than `all` or `test`.
    """
    if split not in ("all", "test"):
        raise ValueError(f"dut-omron: expected split all or test, found {split!r}")
    names = ("DUT-OMRON-image", "pixelwiseGT-new-PNG")
    origin = "DUT-OMRON: saliencydetection.net/dut-omron, the images and the pixelwise ground truth."
    return open_folders(
        folder, "all", unit="disparity", names=names, zero_is_valid=True, title="dut-omron", origin=origin
    )
