"""Scenes with exact metric depth and a known colour camera.

* `middlebury2014` of a data folder's dev split: metric by its own calibration;
* `middlebury2006` of it: the publisher's rig (focal length 3740 pixels at full size, baseline 160 mm), but the offset
  of its disparities is lost; Z = 160 mm * 3740 / 3 / (d + 80) is taken, which puts the scenes 1.2 to 2.3 m away;
* `icl`: rendered frames of its living room, metric;
* `procedural`: made here, so that the bench runs without data. The generator's depths are scaled so that the nearest
  surface is 0.8 m away, and the camera sees 60 degrees.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.registration import Registration
from training.datasets.pairs import Pair, PairEntry, load_pair, read_manifest
from training.datasets.procedural import ProceduralScenes

_ICL = Intrinsics(640, 480, 481.2, 480.0, 319.5, 239.5)
_ICL_FRAMES = ("000", "075")
_PROCEDURAL = (3, 10, 24)
_NEAREST_PROCEDURAL = 0.8
_FOCAL_2006, _BASELINE_2006, _OFFSET_2006 = 3740 / 3, 0.160, 80.0


@dataclass(frozen=True)
class BenchScene:
    """A colour image with the exact depth of what it shows.

    Attributes:
        name: of the scene.
        group: where it comes from; tables average over a group.
        rgb: (H, W, 3) uint8.
        truth: (H, W) float32 metres, NaN where unknown.
        camera: the colour camera; no distortion.
    """

    name: str
    group: str
    rgb: NDArray[np.uint8]
    truth: NDArray[np.float32]
    camera: Camera

    def whole(self) -> NDArray[np.float32]:
        """Truth with its holes filled, for a second camera to look at; what is filled is not scored."""
        if np.isfinite(self.truth).all():
            return self.truth
        return Registration(self.camera, self.camera)(self.truth).start


SceneLoader = Callable[[], BenchScene]


def scenes(data: Path | None, quick: bool = False) -> dict[str, SceneLoader]:
    """Scenes by name; nothing is read before one is asked for.

    Args:
        data: folder with a manifest.csv; None leaves procedural scenes alone.
        quick: three scenes only: those of 2014 where there are data.

    Raises:
        FileNotFoundError: no manifest there.
    """
    made: dict[str, SceneLoader] = {f"procedural_{number}": partial(_procedural, number) for number in _PROCEDURAL}
    if data is None:
        return made
    found = {name: load for name, load in _listed(data, quick)}
    return found if quick else found | made


def _listed(data: Path, quick: bool) -> Iterator[tuple[str, SceneLoader]]:
    for entry in read_manifest(data):
        if entry.split == "dev" and entry.dataset.startswith("middlebury2014") and entry.view == "v0":
            yield entry.scene, partial(_middlebury2014, entry)
        if quick:
            continue
        if entry.split == "dev" and entry.dataset.startswith("middlebury2006") and entry.view == "v1":
            yield entry.scene, partial(_middlebury2006, entry)
        if entry.dataset.startswith("icl") and entry.view in _ICL_FRAMES:
            yield f"icl_{entry.view}", partial(_icl, entry)


def _middlebury2014(entry: PairEntry) -> BenchScene:
    pair = load_pair(entry)
    path = entry.gt.parent / f"{entry.scene}_calib.txt"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected the calibration beside the scene's images")
    numbers = calibration_numbers(path.read_text())
    height, width = pair.target.shape
    camera = Camera(Intrinsics(width, height, numbers["f"], numbers["f"], numbers["cx"], numbers["cy"]))
    truth = numbers["baseline"] / 1000 * numbers["f"] / (pair.target + numbers["doffs"])
    return _scene(entry.scene, "middlebury2014", pair, truth, camera)


def calibration_numbers(text: str) -> Mapping[str, float]:
    """f, cx, cy (pixels), baseline (mm) and doffs (pixels) of a `calib.txt` of Middlebury 2014.

    Raises:
        ValueError: one of them is missing.
    """
    number = r"(-?[\d.]+)"
    matrix = re.search(rf"cam0=\[{number} 0 {number}; 0 {number} {number};", text)
    others = {name: re.search(rf"^{name}={number}", text, re.MULTILINE) for name in ("baseline", "doffs")}
    if matrix is None or None in others.values():
        raise ValueError(f"calib.txt: expected lines cam0=, baseline= and doffs=, found {text!r}")
    known = {"f": float(matrix[1]), "cx": float(matrix[2]), "cy": float(matrix[4])}
    return known | {name: float(found[1]) for name, found in others.items() if found is not None}


def _middlebury2006(entry: PairEntry) -> BenchScene:
    pair = load_pair(entry)
    height, width = pair.target.shape
    camera = Camera(Intrinsics(width, height, _FOCAL_2006, _FOCAL_2006, (width - 1) / 2, (height - 1) / 2))
    truth = _BASELINE_2006 * _FOCAL_2006 / (pair.target / 3 + _OFFSET_2006)
    return _scene(entry.scene, "middlebury2006", pair, truth, camera)


def _icl(entry: PairEntry) -> BenchScene:
    pair = load_pair(entry)
    return _scene(f"icl_{entry.view}", "icl", pair, pair.target / 1000, Camera(_ICL))


def _procedural(number: int) -> BenchScene:
    pair = ProceduralScenes(480, 640, seed=2026, kind="depth").scene(number)
    truth = pair.target * np.float32(_NEAREST_PROCEDURAL / pair.target.min())
    focal = 320 / np.tan(np.radians(30))
    camera = Camera(Intrinsics(640, 480, float(focal), float(focal), 319.5, 239.5))
    return _scene(f"procedural_{number}", "procedural", pair, truth, camera)


def _scene(name: str, group: str, pair: Pair, truth: NDArray[np.floating], camera: Camera) -> BenchScene:
    known = np.where(pair.valid, truth, np.nan).astype(np.float32)
    return BenchScene(name, group, pair.rgb, known, camera)
