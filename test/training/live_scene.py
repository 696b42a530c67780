"""Folders of images of a wall with a box before it, seen by a colour camera and by a coarser depth camera beside it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

COLOUR = {"width": 128, "height": 96, "fx": 110.0, "fy": 110.0, "cx": 63.5, "cy": 47.5}
DEPTH = {"width": 64, "height": 48, "fx": 55.0, "fy": 55.0, "cx": 31.5, "cy": 23.5}
BESIDE = 0.02  # metres that the depth camera stands to the left of the colour camera
WALL, BOX = 2.5, 1.5  # metres
NOISE = 0.004  # metres
_LEFT, _RIGHT, _TOP, _BOTTOM = -0.3, 0.25, -0.3, 0.6  # of the box, metres


def surfaces(camera: dict[str, float], right: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Exact depth of a camera so many metres to the right, and where on its surface each pixel looks, metres."""
    y, x = np.mgrid[: int(camera["height"]), : int(camera["width"])]
    across, down = (x - camera["cx"]) / camera["fx"], (y - camera["cy"]) / camera["fy"]
    on_box = (across * BOX + right > _LEFT) & (across * BOX + right < _RIGHT)
    on_box &= (down * BOX > _TOP) & (down * BOX < _BOTTOM)
    depth = np.where(on_box, BOX, WALL).astype(np.float32)
    return depth, across * depth + right, down * depth


def colour_of(right: float, seed: int) -> np.ndarray:
    """What the colour camera sees, (96, 128, 3) RGB."""
    depth, across, down = surfaces(COLOUR, right)
    rng = np.random.default_rng(seed)
    paper = [cv2.resize(rng.integers(0, 256, (40, 60, 3), np.uint8), (600, 400)) for _ in range(2)]
    row, column = ((down + 2) * 100).astype(int) % 400, ((across + 3) * 100).astype(int) % 600
    return np.where((depth < WALL)[..., None], paper[1][row, column], paper[0][row, column])


def depth_of(right: float, rng: np.random.Generator) -> np.ndarray:
    """What the depth camera measures, (48, 64) uint16 millimetres, 0 where it lost a pixel."""
    depth = surfaces(DEPTH, right - BESIDE)[0]
    depth = depth + NOISE * rng.standard_normal(depth.shape)
    depth[rng.random(depth.shape) < 0.02] = 0
    return np.round(1000 * depth).astype(np.uint16)


def write_images(folder: Path, frames: int, seed: int = 0, poses: bool = False) -> Path:
    """rgb/, depth/ and calibration.json, and with `poses` pose/; the cameras move 5 cm to the right each frame."""
    rng = np.random.default_rng(seed)
    names = ["rgb", "depth", *(["pose"] if poses else [])]
    for name in names:
        (folder / name).mkdir(parents=True)
    for number in range(frames):
        right = 0.05 * number - 0.3
        cv2.imwrite(str(folder / "rgb" / f"{number:04d}.png"), colour_of(right, seed)[..., ::-1])
        cv2.imwrite(str(folder / "depth" / f"{number:04d}.png"), depth_of(right, rng))
        if poses:
            pose = np.eye(4)
            pose[0, 3] = right - BESIDE
            np.savetxt(folder / "pose" / f"{number:04d}.txt", pose)
    motion = {"R": np.eye(3).tolist(), "t_m": [-BESIDE, 0.0, 0.0]}
    cameras = {"colour_camera": COLOUR, "depth_camera": DEPTH, "depth_to_colour": motion}
    (folder / "calibration.json").write_text(json.dumps(cameras))
    return folder
