"""Poses of a moving camera, as text files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_sr_ros.cameras.transforms import Matrix

_SKEW = 0.01


def read_poses(folder: Path) -> dict[str, Matrix]:
    """Poses by the stems of their files, in the order of these.

    Each file holds 4x4 numbers that take points in metres from the camera's optical frame to the world, as in 7-Scenes.
    Rounding is taken out of the rotation. Files with numbers that are not finite, for frames that were lost, are left
    out.

    Raises:
        FileNotFoundError: no such folder, or no .txt in it.
        ValueError: a file holds something else.
    """
    files = sorted(Path(folder).glob("*.txt"))
    if not files:
        raise FileNotFoundError(f"{folder}: expected poses, one .txt of 4x4 numbers for each depth image; found none")
    poses = {file.stem: _read(file) for file in files}
    return {stem: pose for stem, pose in poses.items() if np.isfinite(pose).all()}


def _read(file: Path) -> Matrix:
    try:
        pose = np.loadtxt(file, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{file}: expected 4x4 numbers; {error}") from error
    if pose.shape != (4, 4):
        raise ValueError(f"{file}: expected 4x4 numbers, found {pose.shape}")
    return _orthonormal(pose, file) if np.isfinite(pose).all() else pose


def _orthonormal(pose: Matrix, file: Path) -> Matrix:
    left, sizes, right = np.linalg.svd(pose[:3, :3])
    if np.abs(sizes - 1).max() > _SKEW or np.linalg.det(pose[:3, :3]) < 0 or np.abs(pose[3] - (0, 0, 0, 1)).max() > 0:
        raise ValueError(f"{file}: expected a rotation and a translation, found {pose.tolist()}")
    result = pose.copy()
    result[:3, :3] = left @ right
    return result
