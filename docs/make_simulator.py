"""Draws the faults of simulated depth cameras one by one: docs/images/simulator_faults.png.

    python -m docs.make_simulator                    # the room of `docs.make_overview`, free of any licence
    python -m docs.make_simulator --data DATA        # beside real frames, too: out/docs/simulator_beside_recordings.png

Recordings are not ours to publish, so what shows them is written to `out/` alone.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.cameras.scenes import BenchScene
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from depth_sr_ros.recordings.image_files import read_depth
from docs.camera_pictures import room, write_palette
from training.degradation.two_cameras.camera_draw import CameraDraw, deliver, look
from training.degradation.two_cameras.correlated import CorrelatedNoise
from training.degradation.two_cameras.driver import Driver, Filling, Smoothing
from training.degradation.two_cameras.geometry import Geometry
from training.degradation.two_cameras.layers import Layer
from training.degradation.two_cameras.lost import Lost
from training.degradation.two_cameras.measuring import SensorFaults
from training.degradation.two_cameras.mixing import Mixing
from training.degradation.two_cameras.multipath import Multipath
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.shadow import Shadow
from training.degradation.two_cameras.wiggle import Wiggle
from training.fusion.recording import PosedRecording

IMAGES = Path(__file__).parent / "images"
BESIDE = Path("out/docs/simulator_beside_recordings.png")

_RATIO = 2
_WINDOW = slice(50, 190), slice(25, 225)  # of the depth image
_ZOOM, _COLUMNS = 2, 5
_SPAN = 0.02  # metres at which an error is as red or as blue as it gets
_FRAME, _TABLE_FRAME = "000100", "010"  # of the recordings

_ONE, _NOISE = SensorFaults(mixing=Mixing.ONE), AxialNoise(0.002, 0.003)
_KINECT = SensorFaults(
    Mixing.ONE, ragged=0.6, fat=1, bias=CorrelatedNoise(0.006, length=120), noise=AxialNoise(square=0.7e-3),
    correlated=CorrelatedNoise(square=0.9e-3, length=3), lost=Lost(0.6, 1.0, 0.7, 0.7, 0.4, 0.02, 3, 1),
    steps=Steps(2.85e-3, 0.001), shadow=Shadow(0.075),
)  # fmt: skip
_STEREO = SensorFaults(
    Mixing.ONE, ragged=0.8, fat=1, correlated=CorrelatedNoise(square=1.8e-3, length=6), noise=AxialNoise(square=0.4e-3),
    lost=Lost(edges=0.3, thin=0.8, patches=0.04, edge_reach=1), driver=Driver(Smoothing.BILATERAL), steps=Steps(0.8e-3),
    shadow=Shadow(-0.05),
)  # fmt: skip
_TIME_OF_FLIGHT = SensorFaults(
    by_brightness=True, multipath=Multipath(0.7, 4), wiggle=Wiggle(0.005, 0.6), bias=CorrelatedNoise(0.004, length=90),
    noise=_NOISE, lost=Lost(dark=0.7, edges=0.3, grazing=0.5), steps=Steps(),
)  # fmt: skip
_DARK, _SHINY = "lost: dark, in low light", "lost: shiny, overexposed"
_LIGHT = {_DARK: 0.4, _SHINY: 1.7}

FAULTS: dict[str, SensorFaults] = {
    "mixing over the square": SensorFaults(),
    "one sample, ragged by 0.8 px": replace(_ONE, ragged=0.8),
    "fat by one pixel": replace(_ONE, fat=1),
    "noise 2 mm + 0.3 %": replace(_ONE, noise=_NOISE),
    "noise 1.4e-3 z^2": replace(_ONE, noise=AxialNoise(square=1.4e-3)),
    "noise that 5 px share": replace(_ONE, correlated=CorrelatedNoise(square=1.4e-3, length=5)),
    "slow bias, 8 mm": replace(_ONE, bias=CorrelatedNoise(0.008, length=60)),
    "wiggle, 10 mm over 0.5 m": replace(_ONE, wiggle=Wiggle(0.010, 0.5)),
    "multipath in corners": replace(_ONE, multipath=Multipath(1.0, 6)),
    "steps 2.85e-3 z^2": replace(_ONE, steps=Steps(2.85e-3, 0.0)),
    _DARK: replace(_ONE, lost=Lost(dark=0.9)),
    _SHINY: replace(_ONE, lost=Lost(shiny=1.0)),
    "lost: grazing": replace(_ONE, lost=Lost(grazing=0.9)),
    "lost: thin": replace(_ONE, lost=Lost(thin=0.9, thin_width=9)),
    "shadow of a projector 75 mm beside": replace(_ONE, shadow=Shadow(0.075)),
    "lost: edges, 40 %": replace(_ONE, lost=Lost(edges=0.4, edge_reach=1)),
    "lost: patches, 5 %": replace(_ONE, lost=Lost(patches=0.05)),
    "driver: noise smoothed": replace(_ONE, noise=_NOISE, driver=Driver(Smoothing.BILATERAL, 0.02)),
    "driver: holes filled": replace(_ONE, lost=Lost(patches=0.05), driver=Driver(filling=Filling.FARTHEST)),
}
"""One by one, by what the picture calls them."""

Depth = NDArray[np.float32]


def main() -> int:
    """Draws; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_simulator", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with recordings/kinect_redkitchen and realsense_tabletop")
    options = parser.parse_args()
    title = "Errors of each fault alone: blue too near, red too far, full at 20 mm; black is not measured"
    write_palette(IMAGES / "simulator_faults.png", compose([*_whole_cameras(), *_alone()], _COLUMNS, title))
    if options.data is not None:
        BESIDE.parent.mkdir(parents=True, exist_ok=True)
        write_palette(BESIDE, compose(list(_beside(options.data)), 4, title))
        print(BESIDE)
    return 0


def _whole_cameras() -> Iterator[Panel]:
    scene = _room()
    scale = Scale.of_depth(_clean()[_WINDOW])
    rows, columns = (slice(_RATIO * part.start, _RATIO * part.stop) for part in _WINDOW)
    yield Panel(np.ascontiguousarray(scene.rgb[rows, columns, ::-1]), "colour")
    yield Panel(_large(false_colours(_clean()[_WINDOW], scale)), "exact depth")
    for name, faults in (("time of flight", _TIME_OF_FLIGHT), ("structured light", _KINECT), ("stereo", _STEREO)):
        yield Panel(_large(false_colours(_image(faults)[_WINDOW], scale)), f"a camera: {name}")


def _alone() -> Iterator[Panel]:
    for name, faults in FAULTS.items():
        yield Panel(_error(_image(faults, light=_LIGHT.get(name, 1.0))), name)
    moved = np.eye(4)
    moved[:3, :3] = cv2.Rodrigues(np.radians([0, np.degrees(2 * _RATIO / _room().camera.intrinsics.fx), 0]))[0]
    yield Panel(_error(_image(_ONE, moved)), "calibration 2 px off")
    turned = np.eye(4)
    turned[:3, :3] = cv2.Rodrigues(np.radians([0, 0, 0.5]))[0]
    yield Panel(_error(_image(_ONE, turned)), "calibration turned by 0.5 deg")
    yield Panel(_error(_image(_ONE, roll=(4.0, 0.0))), "rolling shutter, 4 px")
    for name, faults in (("time of flight", _TIME_OF_FLIGHT), ("structured light", _KINECT), ("stereo", _STEREO)):
        yield Panel(_error(_image(faults)), f"all together: {name}")


@cache
def _room() -> BenchScene:
    return room()


@cache
def _clean() -> Depth:
    return _image(_ONE)


def _image(
    faults: SensorFaults,
    to_colour: NDArray[np.float64] | None = None,
    roll: tuple[float, float] = (0.0, 0.0),
    light: float = 1.0,
) -> Depth:
    """What a depth camera in the colour camera's place delivers of the room, `light` times as bright."""
    scene = _room()
    i = scene.camera.intrinsics
    coarse = i.resized(i.width // _RATIO, i.height // _RATIO)
    camera = CameraDraw(Geometry(coarse, np.eye(4) if to_colour is None else to_colour, roll=roll), faults)
    seen = look(
        [Layer((1 / scene.truth).astype(np.float32))], i, np.minimum(light * _grey(scene.rgb), 1), camera, whole=False
    )
    return deliver(seen, camera, np.random.default_rng(4))


def _grey(rgb: NDArray[np.uint8]) -> Depth:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) / np.float32(255), np.float32)


def _error(depth: Depth) -> NDArray[np.uint8]:
    return _large(_signed(depth - _clean())[_WINDOW])


def _signed(error: Depth) -> NDArray[np.uint8]:
    """Errors in colours, (H, W, 3) BGR: blue below zero, red above, white at zero, black where there is none."""
    share = np.clip(error / np.float32(_SPAN), -1, 1)
    known = np.isfinite(share)
    level = np.abs(np.where(known, share, 0))[..., None]
    ends = np.where((np.where(known, share, 0) > 0)[..., None], (30, 30, 190), (190, 70, 20))
    colours = 245 * (1 - level) + ends * level
    return np.where(known[..., None], colours, 0).astype(np.uint8)


def _large(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    large = cv2.resize(np.ascontiguousarray(image), None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)


def _beside(data: Path) -> Iterator[Panel]:
    """Simulated cameras, then a Kinect with its reference and a RealSense without one."""
    scale = Scale.of_depth(_clean())
    for name, faults in (("structured light", _KINECT), ("stereo", _STEREO)):
        image = _image(faults)
        yield Panel(_fit(false_colours(image, scale)), f"simulated: {name}")
        yield Panel(_fit(_signed(image - _clean())), "its error")
    yield from _kinect(data / "recordings" / "kinect_redkitchen")
    yield from _realsense(data / "recordings" / "realsense_tabletop")


def _kinect(folder: Path) -> Iterator[Panel]:
    recording = PosedRecording.open(folder, folder / "pose", "depth_raw_depthcam")
    stem = min(recording.stems, key=lambda stem: abs(int("".join(filter(str.isdigit, stem))) - int(_FRAME)))
    depth = recording.read(stem)
    yield Panel(_fit(false_colours(depth, Scale.of_depth(depth))), "Kinect v1, as recorded")
    yield Panel(_fit(_signed(depth - recording.fused(stem).depth)), "against its neighbours' median")


def _realsense(folder: Path) -> Iterator[Panel]:
    depth = to_metres(read_depth(folder / "depth" / f"{_TABLE_FRAME}.png"), "16UC1")
    smooth = cv2.medianBlur(cv2.medianBlur(np.nan_to_num(depth), 5), 5)
    smooth = np.asarray(cv2.bilateralFilter(smooth, 15, 0.05, 8), np.float32)
    yield Panel(_fit(false_colours(depth, Scale.of_depth(depth))), "RealSense, aligned, as recorded")
    yield Panel(_fit(_signed(np.where(smooth > 0, depth - smooth, np.float32(np.nan)))), "against itself, smoothed")


def _fit(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (480, 360), interpolation=cv2.INTER_NEAREST), np.uint8)


if __name__ == "__main__":
    sys.exit(main())
