"""Small files in the publishers' formats."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


class Files:
    """Writes what publishers ship, a few pixels wide."""

    def colour(self, path: Path, height: int = 12, width: int = 16, seed: int = 0) -> np.ndarray:
        path.parent.mkdir(parents=True, exist_ok=True)
        rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        assert cv2.imwrite(str(path), rgb[:, :, ::-1])
        return rgb

    def grey(self, path: Path, values: np.ndarray) -> np.ndarray:
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), values)
        return values

    def pfm(self, path: Path, values: np.ndarray, order: str = "<") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        scale = b"-1.0" if order == "<" else b"1.0"
        head = b"Pf\n%d %d\n%s\n" % (values.shape[1], values.shape[0], scale)
        path.write_bytes(head + values[::-1].astype(f"{order}f4").tobytes())

    def dpt(self, path: Path, values: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        head = np.float32(202021.25).tobytes() + np.array(values.shape[::-1], "<i4").tobytes()
        path.write_bytes(head + values.astype("<f4").tobytes())


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def levels() -> np.ndarray:
    """8-bit values with one hole at the top left."""
    values = np.arange(1, 12 * 16 + 1, dtype=np.uint8).reshape(12, 16)
    values[0, 0] = 0
    return values
