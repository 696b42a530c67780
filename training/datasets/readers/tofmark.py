"""ToFMark (Ferstl et al. 2013): Books, Devil and Shark, seen by a real ToF camera and a grey camera.

What is known: the publisher's repository holds `benchmarking_dataset_books.mat`, `.._devil.mat` and `.._shark.mat`,
and `warp_depth.m`, which moves the ToF depth into the grey camera's image by the projection matrices. Errors on it are
published in millimetres. What is **not** known here, because the .mat files could not be had: the names of their
variables, their MATLAB version, and whether their unit is the millimetre too. So the names have to be given; without
them the error lists the variables that a file has.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.datasets.pairs import PairEntry, Raw
from training.datasets.readers.files import require, require_split
from training.datasets.readers.matlab import read_matlab

Variables = Mapping[str, NDArray[np.generic]]
SCENES = ("books", "devil", "shark")
SOURCE = "ToFMark: get benchmarking_dataset_*.mat from https://github.com/RobVisLab/tofmark."
ROLES = ("intensity", "truth", "tof")
"""What the names are for: the grey image, the ground truth on its grid, the ToF camera's depth on its own."""


def open_tofmark(
    folder: Path, split: str, *, names: Mapping[str, str] | None = None, metres_per_unit: float = 0.001
) -> list[PairEntry]:
    """The three scenes; the ToF camera's own depth, on its own grid, is at `PairEntry.read_low`.

    Args:
        folder: holds the .mat files.
        split: `test` or `all`, which are the same.
        names: the variables of the files, by `ROLES`.
        metres_per_unit: of both depths.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: unknown split, or not a name for each role.
    """
    require_split("tofmark", split, ("test", "all"))
    files = [require(folder / f"benchmarking_dataset_{scene}.mat", SOURCE) for scene in SCENES]
    if names is None or set(names) != set(ROLES):
        raise ValueError(
            f"tofmark: expected the variables' names for {', '.join(ROLES)} in the option `names`, found {names}; "
            f"{files[0]} has {_shapes(read_matlab(files[0]))}"
        )
    read, read_low = partial(_read, names, metres_per_unit), partial(_read_low, names, metres_per_unit)
    return [
        PairEntry(split, "tofmark", scene, "", path, path, "depth", "m", 0.001, read, read_low)
        for scene, path in zip(SCENES, files, strict=True)
    ]


def _read(names: Mapping[str, str], metres_per_unit: float, entry: PairEntry) -> Raw:
    variables = read_matlab(entry.rgb)
    grey = _variable(variables, names["intensity"], entry.rgb)
    grey = grey * (255 if grey.max() <= 1 else 1)
    rgb = np.repeat(np.clip(np.rint(grey), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    return rgb, _variable(variables, names["truth"], entry.rgb) * np.float32(metres_per_unit)


def _read_low(names: Mapping[str, str], metres_per_unit: float, entry: PairEntry) -> NDArray[np.float32]:
    return _variable(read_matlab(entry.rgb), names["tof"], entry.rgb) * np.float32(metres_per_unit)


def _variable(variables: Variables, name: str, path: Path) -> NDArray[np.float32]:
    if name not in variables:
        raise ValueError(f"{path}: expected a variable {name!r}, found {_shapes(variables)}; correct `names`")
    return variables[name].astype(np.float32)


def _shapes(variables: Variables) -> dict[str, tuple[int, ...]]:
    return {name: value.shape for name, value in sorted(variables.items())}
