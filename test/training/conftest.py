"""A small data folder in the layout that the training programs read, made up on the spot."""

from __future__ import annotations

import csv
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

TINY = Path(__file__).with_name("tiny.py")
_UNIT = "disparity: png value / 3 = px"


def write_pair(folder: Path, name: str, seed: int, size: tuple[int, int] = (150, 180)) -> None:
    """A scene of flat layers whose colour follows their disparity, with a few holes (0)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    disparity = 40 + 0.1 * x
    for _ in range(6):
        cy, cx, radius = rng.uniform(0, size[0]), rng.uniform(0, size[1]), rng.uniform(15, 45)
        disparity = np.where((y - cy) ** 2 + (x - cx) ** 2 < radius**2, rng.uniform(60, 200), disparity)
    colour = np.stack([(disparity * k) % 256 for k in (1.0, 1.7, 2.3)], axis=-1) + rng.normal(0, 1, (*size, 3))
    disparity[rng.random(size) < 0.01] = 0
    cv2.imwrite(str(folder / f"{name}_rgb.png"), np.clip(colour, 0, 255).astype(np.uint8))
    cv2.imwrite(str(folder / f"{name}_gt.png"), disparity.astype(np.uint8))


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory) -> Path:
    """Splits train (3 pairs), dev (1) and test (1) of the set `layers`."""
    folder = tmp_path_factory.mktemp("data")
    splits = ["train", "train", "train", "dev", "test"]
    with (folder / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["split", "set", "scene", "view", "rgb", "gt", "unit", "note"])
        for seed, split in enumerate(splits):
            write_pair(folder, f"s{seed}", seed)
            writer.writerow([split, "layers", f"s{seed}", "", f"s{seed}_rgb.png", f"s{seed}_gt.png", _UNIT, ""])
    return folder


@pytest.fixture(scope="session")
def scenes() -> Callable[..., None]:
    """Writes a synthetic scene, see `write_pair`."""
    return write_pair


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """`tiny.py` as a module."""
    return _beside("tiny")


@pytest.fixture(scope="session")
def scene() -> ModuleType:
    """`bag_scene.py` as a module."""
    return _beside("bag_scene")


@pytest.fixture(scope="session")
def live_scene() -> ModuleType:
    """`live_scene.py` as a module."""
    return _beside("live_scene")


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def start_training(data_folder) -> Callable[..., subprocess.Popen[str]]:
    """Starts `train` on the synthetic data in a process of its own, with the tiny networks."""

    def start(recipe: Path, out: Path, *arguments: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [sys.executable, *launcher, str(TINY), "train", "--recipe", str(recipe), "--data", str(data_folder)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [*command, "--out", str(out), *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start
