"""Data sets by name. Opening one lists its entries; images are read by `training.datasets.pairs.load_pair`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from training.datasets.pairs import PairEntry, read_manifest
from training.datasets.readers.diml import open_diml
from training.datasets.readers.folders import open_folders
from training.datasets.readers.lu import PARTS, open_lu
from training.datasets.readers.middlebury import YEARS, open_middlebury
from training.datasets.readers.middlebury2014 import open_middlebury2014
from training.datasets.readers.nyu import open_nyu
from training.datasets.readers.rgbdd import open_rgbdd
from training.datasets.readers.saliency import open_dut_omron, open_saliency
from training.datasets.readers.shards import open_shards
from training.datasets.readers.sintel import open_sintel
from training.datasets.readers.tofmark import open_tofmark

Opener = Callable[..., list[PairEntry]]


def _open_manifest(folder: Path, split: str) -> list[PairEntry]:
    return read_manifest(folder) if split == "all" else read_manifest(folder, split)


DATASETS: dict[str, Opener] = {
    "manifest": _open_manifest,
    "folders": open_folders,
    "saliency": open_saliency,
    "dut-omron": open_dut_omron,
    "nyu": open_nyu,
    **{f"middlebury{year}": partial(open_middlebury, year=year) for year in YEARS},
    **{f"middlebury{year}-pixel": partial(open_middlebury, year=year, target="pixel") for year in YEARS},
    **{f"middlebury{year}-metric": partial(open_middlebury, year=year, target="metric") for year in ("2005", "2006")},
    "middlebury2014": open_middlebury2014,
    "middlebury2014-metric": partial(open_middlebury2014, target="metric"),
    **{name: partial(open_lu, name=name) for name in PARTS},
    "sintel": open_sintel,
    "diml": open_diml,
    "diml-lr": partial(open_diml, resolution="LR"),
    "tofmark": open_tofmark,
    "rgbdd": open_rgbdd,
    "shards": open_shards,
}
"""What opens each data set: called with the folder, the split and further options of its own."""


def open_dataset(name: str, folder: Path, split: str = "all", **options: Any) -> Sequence[PairEntry]:
    """Lists the entries of a data set; no image is read.

    Args:
        name: a key of `DATASETS`.
        folder: where it was unpacked.
        split: what the data set calls its parts; `all` wherever that makes sense.
        options: of that data set, such as `unit` of `folders` or `render` of `sintel`.

    Raises:
        FileNotFoundError: files are missing; the message names them and where to get them.
        ValueError: unknown data set, split or option.
    """
    known = options_of(name)
    if set(options) - known:
        raise ValueError(f"data set {name}: expected options among {sorted(known)}, found {sorted(options)}")
    return DATASETS[name](Path(folder), split, **options)


def options_of(name: str) -> frozenset[str]:
    """The options that a data set has. Raises ValueError for an unknown one."""
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"data set: expected one of {sorted(DATASETS)}, found {name!r}{hint}")
    return frozenset(inspect.signature(DATASETS[name]).parameters) - {"folder", "split"}
