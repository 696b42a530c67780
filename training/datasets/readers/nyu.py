"""NYU Depth v2, the 1449 labelled pairs of 480x640 with in-painted Kinect depth in metres (Silberman et al. 2012).

Three layouts are told apart by the files in the folder:

* `nyu_depth_v2_labeled.mat` of the publisher, a MATLAB 7.3 file (HDF5), stored transposed as h5py sees it:
  `images` (1449, 3, 640, 480) uint8, `depths` (1449, 640, 480) float32. Images are read one at a time.
* `RGB/<n>.jpg` and `Depth/<n>.npy`, n = 0 .. 1448, as JIIF's authors use it.
* the arrays of DKN's authors, pre-split and min-max normalised: `train_images_split.npy`, `train_depth_split.npy`,
  `test_images_v2.npy`, `test_depth.npy`, and `test_minmax.npy` (2, 449) with the maximum in row 0, the minimum in
  row 1. Their training depth has lost its unit; test depth is brought back to that of the min-max file.

Splits: `train` the first 1000 and `test` the last 449 (DJF, DKN, JIIF, DAGF, BridgeNet); `dada-train`, `dada-val`,
`dada-test` the 849, 300 and 300 that DADA's authors list in `split_idc_nyuv2.json`; `all`.

Not checked against the real files: the shape and range of DKN's images (taken as (N, H, W, 3), floats in [0, 1] or
bytes, in RGB order as the other layouts) and the unit in its min-max file (taken as centimetres, the unit of the errors
that its evaluation prints).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import PairEntry, Raw, read_colour
from training.datasets.readers.files import open_hdf5, require, require_split

MAT = "nyu_depth_v2_labeled.mat"
SPLITS = ("train", "test", "all", "dada-train", "dada-val", "dada-test")
SOURCE = (
    f"NYU Depth v2: put {MAT} there (about 2.8 GB, 'Labeled dataset' of "
    "https://cs.nyu.edu/~silberman/datasets/nyu_depth_v2.html), or folders RGB and Depth made from it, or the .npy "
    "files that the README of https://github.com/cvlab-yonsei/dkn links."
)
_SPLIT_FILE = "split_idc_nyuv2.json"
_SPLIT_SOURCE = (
    f"It lists DADA's split: get data/{_SPLIT_FILE} from https://github.com/prs-eth/Diffusion-Super-Resolution and put "
    "it beside the data."
)
_TOTAL, _FIRST_TEST = 1449, 1000
_HALVES = {"train": range(_FIRST_TEST), "test": range(_FIRST_TEST, _TOTAL)}
_NPY = {"train": ("train_images_split.npy", "train_depth_split.npy"), "test": ("test_images_v2.npy", "test_depth.npy")}
_MINMAX = "test_minmax.npy"


def open_nyu(folder: Path, split: str) -> list[PairEntry]:
    """Entries of a split, in the order of the publisher's file.

    Raises:
        FileNotFoundError: no layout of this data set is there, or DADA's list is missing.
        ValueError: unknown split, fewer pairs than it is made of, or a damaged file.
    """
    require_split("nyu", split, SPLITS)
    if (folder / MAT).is_file():
        return _from_mat(folder, split)
    if (folder / "RGB").is_dir() and (folder / "Depth").is_dir():
        return _from_folders(folder, split)
    if any((folder / name).is_file() for names in _NPY.values() for name in names):
        return _from_arrays(folder, split)
    raise FileNotFoundError(f"{folder / MAT} is missing. {SOURCE}")


def _numbers(folder: Path, split: str, total: int) -> list[int]:
    """Numbers of a split's images. Raises ValueError where fewer are there than it is made of."""
    if split == "all":
        return list(range(total))
    numbers = _of_dada(folder, split) if split.startswith("dada-") else list(_HALVES[split])
    if max(numbers, default=0) >= total:
        raise ValueError(f"{folder}: expected the {_TOTAL} labelled pairs for split {split}, found {total}. {SOURCE}")
    return numbers


def _of_dada(folder: Path, split: str) -> list[int]:
    path = require(folder / _SPLIT_FILE, _SPLIT_SOURCE)
    try:
        return [int(n) for n in json.loads(path.read_text())[split.removeprefix("dada-")]]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected lists of numbers as train, val and test, found: {error!r}") from error


def _from_mat(folder: Path, split: str) -> list[PairEntry]:
    path = folder / MAT
    with open_hdf5(path) as file:
        for name in ("images", "depths"):
            if name not in file:
                raise ValueError(f"{path}: expected the variables images and depths, found {sorted(file)}")
        total = len(file["depths"])
    return [
        PairEntry(split, "nyu", f"{n:04d}", "", path, path, "depth", "m", 0.001, partial(_read_mat, n))
        for n in _numbers(folder, split, total)
    ]


def _read_mat(number: int, entry: PairEntry) -> Raw:
    with open_hdf5(entry.rgb) as file:
        rgb = np.asarray(file["images"][number], np.uint8)
        depth = np.asarray(file["depths"][number], np.float32)
    return np.ascontiguousarray(rgb.transpose(2, 1, 0)), np.ascontiguousarray(depth.T)


def _from_folders(folder: Path, split: str) -> list[PairEntry]:
    total = len(list((folder / "Depth").glob("*.npy")))
    entries = []
    for n in _numbers(folder, split, total):
        rgb = require(folder / "RGB" / f"{n}.jpg", SOURCE)
        depth = require(folder / "Depth" / f"{n}.npy", SOURCE)
        entries.append(PairEntry(split, "nyu", f"{n:04d}", "", rgb, depth, "depth", "m", 0.001, _read_files))
    return entries


def _read_files(entry: PairEntry) -> Raw:
    return read_colour(entry.rgb), np.asarray(np.load(entry.gt), np.float32)


def _from_arrays(folder: Path, split: str) -> list[PairEntry]:
    require_split("nyu as .npy files", split, ("train", "test"))
    images, depths = (require(folder / name, SOURCE) for name in _NPY[split])
    total = len(np.load(depths, mmap_mode="r"))
    first, unit, step = 0, "share of the image's range", 1e-4
    if split == "test":
        require(folder / _MINMAX, SOURCE)
        first, unit, step = _FIRST_TEST, "m", 0.001
    return [
        PairEntry(split, "nyu", f"{first + n:04d}", "", images, depths, "depth", unit, step, partial(_read_array, n))
        for n in range(total)
    ]


def _read_array(number: int, entry: PairEntry) -> Raw:
    image = np.asarray(np.load(entry.rgb, mmap_mode="r")[number])
    depth = np.asarray(np.load(entry.gt, mmap_mode="r")[number], np.float32)
    if entry.unit == "m":
        high, low = np.load(entry.gt.parent / _MINMAX)[:, number].astype(np.float32)
        depth = (depth * (high - low) + low) * np.float32(0.01)
    else:
        depth = depth + np.float32(1e-4)  # its zeros are the nearest points, not holes
    return _bytes(image), depth


def _bytes(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image, np.uint8)
    return np.asarray(np.clip(np.rint(image.astype(np.float32) * 255), 0, 255), np.uint8)
