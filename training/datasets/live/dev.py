"""A fixed set to validate on: scenes of the dev split before cameras of the table, simulated once and kept in a file.

Scenes and cameras are those of `bench.cameras`; its own simulator makes the images (`two_cameras.simulation`), not the
fast one that makes the crops.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.registration import Registered, Registration, RegistrationOptions
from training.datasets.live.crops import LiveCrop, part_of, smoothed
from training.datasets.live.photographed import from_farther_side
from training.datasets.pairs import PairEntry, load_pair, read_manifest
from training.datasets.units import read_calibration
from training.degradation.two_cameras.known_cameras import SENSORS, SWEEP
from training.degradation.two_cameras.simulation import simulate

SIDE = 256
"""Of the pieces that are kept, pixels."""

_CAMERAS = {
    "middlebury2014": (*SWEEP, "kinect_v1", "realsense_d435", "azure_kinect_binned", "iphone_lidar"),
    "middlebury2006": ("r1", "r3", "r6"),
}
_SCENES = {"middlebury2014": ("v0",), "middlebury2006": ("v1",)}  # views
_FOCAL_2006, _BASELINE_2006, _OFFSET_2006 = 3740 / 3, 0.160, 80.0  # as in `bench.cameras.scenes`


@dataclass(frozen=True)
class DevCrop:
    """A crop to validate on.

    Attributes:
        camera: its name in the tables of cameras.
        scene: its name.
        crop: what it shows.
        rgb: (H, W, 3) uint8.
    """

    camera: str
    scene: str
    crop: LiveCrop
    rgb: NDArray[np.uint8]


def dev_crops(data: Path, kept: Path) -> list[DevCrop]:
    """The set.

    Args:
        data: folder with a manifest.
        kept: .npz file that it is read from, and written to where it is missing.

    Raises:
        FileNotFoundError: no manifest, or no calibration beside a scene.
    """
    if not kept.is_file():
        order = [name for names in _CAMERAS.values() for name in names]
        _write(sorted(_made(data), key=lambda one: order.index(one.camera)), kept)
    return list(_read(kept))


def _made(data: Path) -> Iterator[DevCrop]:
    for number, entry in enumerate(read_manifest(data, "dev")):
        group = next((name for name in _CAMERAS if entry.dataset.startswith(name)), None)
        if group is None or entry.view not in _SCENES[group]:
            continue
        rgb, truth, camera = _scene(entry)
        whole = Registration(camera, camera)(truth).start
        for name in _CAMERAS[group]:
            model = SENSORS.get(name) or SWEEP[name]
            sensor = model.before(camera)
            rng = np.random.default_rng([number, sorted({*SENSORS, *SWEEP}).index(name)])
            raw = simulate(whole, camera, sensor, rng)
            options = RegistrationOptions(assign_mixed=True, threads=1)
            registration = Registration(sensor.camera, camera, sensor.depth_to_colour, options)
            registered = registration(raw)
            window = _window(truth, rng)
            cut = part_of(registered, window)
            guide = (rgb[window] / np.float32(255)).astype(np.float32)
            ratio = max(1.0, registration.ratio)
            crop = LiveCrop(guide, cut, smoothed(guide, cut, ratio), truth[window], ratio)
            yield DevCrop(name, entry.scene, crop, rgb[window])


def _scene(entry: PairEntry) -> tuple[NDArray[np.uint8], NDArray[np.float32], Camera]:
    pair = load_pair(entry)
    height, width = pair.target.shape
    disparity = from_farther_side(pair.target, pair.valid)
    if entry.dataset.startswith("middlebury2014"):
        focal, baseline, offset = read_calibration(entry.gt.parent / f"{entry.scene}_calib.txt")
        depth = focal * baseline / 1000 / (disparity + offset)
    else:
        focal = _FOCAL_2006
        depth = focal * _BASELINE_2006 / (disparity / 3 + _OFFSET_2006)
    camera = Camera(Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2))
    return pair.rgb, np.where(pair.valid, depth, np.nan).astype(np.float32), camera


def _window(truth: NDArray[np.float32], rng: np.random.Generator) -> tuple[slice, slice]:
    """Of four places the one with the most edges."""
    places = []
    for _ in range(4):
        top, left = (int(rng.integers(side - SIDE + 1)) for side in truth.shape)
        places.append((slice(top, top + SIDE), slice(left, left + SIDE)))
    return max(places, key=lambda place: _jumps(truth[place]))


def _jumps(truth: NDArray[np.float32]) -> int:
    with np.errstate(invalid="ignore"):
        return int((np.abs(np.diff(truth, axis=1)) > 0.03 * truth[:, 1:]).sum())


def _write(crops: list[DevCrop], kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "rgb": np.stack([one.rgb for one in crops]),
        "truth": np.stack([one.crop.truth for one in crops]),
        **{
            name: np.stack([getattr(one.crop.registered, name) for one in crops])
            for name in ("start", "quality", "near", "far")
        },
        "ratio": np.array([one.crop.ratio for one in crops]),
        "names": np.array([(one.camera, one.scene) for one in crops]),
    }
    fresh = kept.with_suffix(".new.npz")
    np.savez(fresh, **arrays)
    fresh.replace(kept)


def _read(kept: Path) -> Iterator[DevCrop]:
    with np.load(kept) as archive:
        arrays = dict(archive)
    for number, (camera, scene) in enumerate(arrays["names"]):
        start, quality, near, far = (arrays[name][number] for name in ("start", "quality", "near", "far"))
        guide = (arrays["rgb"][number] / np.float32(255)).astype(np.float32)
        registered, ratio = Registered(start, quality, near, far, 1.0, 0), float(arrays["ratio"][number])
        smooth = smoothed(guide, registered, ratio)
        crop = LiveCrop(guide, registered, smooth, arrays["truth"][number], ratio)
        yield DevCrop(str(camera), str(scene), crop, arrays["rgb"][number])
