"""File formats and checks that several readers share."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

_PFM_HEADER = re.compile(rb"(P[Ff])\s+(\d+)\s+(\d+)\s+([-+.\deE]+)\s")
_DPT_TAG = np.float32(202021.25)


def require(path: Path, source: str) -> Path:
    """The path itself.

    Args:
        path: a file or folder that has to be there.
        source: what it belongs to and where to get it; part of the message.

    Raises:
        FileNotFoundError: it is not there.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. {source}")
    return path


def require_split(name: str, split: str, known: tuple[str, ...]) -> None:
    """Raises ValueError where a data set has no split of that name."""
    if split not in known:
        raise ValueError(f"{name}: expected split {' or '.join(known)}, found {split!r}")


def open_hdf5(path: Path) -> h5py.File:
    """An HDF5 file, such as one of MATLAB 7.3, to be closed by the caller.

    Raises:
        ValueError: it cannot be opened, as where a download was cut short.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: expected a whole HDF5 file, found: {error}; get it again") from error


def read_pfm(path: Path) -> NDArray[np.float32]:
    """Portable float map of one channel, (H, W), first row on top.

    A file holds its last row first; the sign of the scale tells the byte order.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a one-channel PFM, or cut short.
    """
    data = require(path, "Expected a PFM file.").read_bytes()
    header = _PFM_HEADER.match(data)
    if header is None or header[1] != b"Pf":
        raise ValueError(f"{path}: expected a PFM file of one channel (magic Pf), found {data[:2]!r}")
    width, height, order = int(header[2]), int(header[3]), "<" if float(header[4]) < 0 else ">"
    values = np.frombuffer(data, f"{order}f4", offset=header.end())
    if values.size != width * height:
        raise ValueError(f"{path}: expected {width} x {height} values, found {values.size}")
    return values.reshape(height, width)[::-1].astype(np.float32)


def read_dpt(path: Path) -> NDArray[np.float32]:
    """Depth file of MPI Sintel: tag 202021.25, width and height as int32, then float32 rows; all little-endian.

    Raises:
        FileNotFoundError: no such file.
        ValueError: wrong tag, or cut short.
    """
    data = require(path, "Expected a .dpt file.").read_bytes()
    if len(data) < 12 or np.frombuffer(data, "<f4", 1)[0] != _DPT_TAG:
        raise ValueError(f"{path}: expected a .dpt file (tag {_DPT_TAG}), found {data[:4]!r}")
    width, height = np.frombuffer(data, "<i4", 2, offset=4)
    values = np.frombuffer(data, "<f4", offset=12)
    if values.size != width * height:
        raise ValueError(f"{path}: expected {width} x {height} values, found {values.size}")
    return values.reshape(height, width).astype(np.float32)
