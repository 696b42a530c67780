"""Variables of a MATLAB file, whichever of its two formats it has."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from training.datasets.readers.files import open_hdf5


def read_matlab(path: Path) -> dict[str, NDArray[np.generic]]:
    """All numeric matrices of a file, with rows first as MATLAB shows them.

    Version 7.3 is HDF5; older versions need SciPy.

    Raises:
        ValueError: neither format, a damaged file, or an older format and no SciPy; the message says what to install.
    """
    if h5py.is_hdf5(path):
        with open_hdf5(path) as file:
            matrices = {k: v for k, v in file.items() if isinstance(v, h5py.Dataset) and v.dtype.kind in "uif"}
            return {k: np.asarray(v).T for k, v in matrices.items()}
    if path.read_bytes()[:6] != b"MATLAB":
        raise ValueError(f"{path}: expected a MATLAB file, version 5 to 7.3")
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError as error:
        raise ValueError(f"{path} is a MATLAB file older than 7.3: run `pip install scipy`") from error
    return {k: v for k, v in loadmat(path).items() if isinstance(v, np.ndarray) and v.dtype.kind in "uif"}
