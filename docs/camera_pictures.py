"""Pictures of what ways of serving a depth camera make of it: depth in false colours, and the cloud from above.

They show the room of `docs.make_overview`, which is free of any licence, through a camera of the bench's table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.cameras.measure import frame_of
from bench.cameras.methods import METHODS, Frame
from bench.cameras.scenes import BenchScene
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.picture import Panel, Scale, compose, false_colours
from docs.make_overview import FOCAL, HEIGHT, WIDTH, render
from training.degradation.two_cameras.known_cameras import SENSORS
from training.evaluation.camera_scores import flying, scores

CAMERA = "kinect_v2"
"""The camera of the pictures."""

SHOWN = ("driver", "aligned_x8", "start", "joint_bilateral")
"""Methods in the pictures, and `served` where there is one."""

ROWS = (245, 300)
"""Rows of the image that are seen from above."""

_NEAR, _FAR = 1.3, 3.9  # metres, of the view from above
_ABOVE = (430, 560)  # its height and width, pixels
_COLOURS = 255
_SHRUNK, _PAPER = 0.6, 24

Depth = NDArray[np.float32]


def room() -> BenchScene:
    """The room with its camera."""
    rgb, depth = render()
    # rows look down by 0.12, see `render`
    camera = Camera(Intrinsics(WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5 - 0.12 * FOCAL))
    return BenchScene("room", "room", rgb, depth, camera)


def depth_picture(scene: BenchScene, frame: Frame) -> NDArray[np.uint8]:
    """Colour, raw depth, and what methods make of it, on one scale; (H, W, 3) uint8 BGR."""
    scale = Scale.of_depth(scene.truth)
    height, width = frame.raw.shape
    results = [Panel(false_colours(method(frame), scale), title) for title, method in (METHODS[n] for n in _shown())]
    panels = [
        Panel(np.ascontiguousarray(scene.rgb[..., ::-1]), f"colour {WIDTH}x{HEIGHT}"),
        Panel(_enlarged(false_colours(frame.raw, scale)), f"raw depth {width}x{height}, its own view"),
        results[0],
        Panel(false_colours(scene.truth, scale), "truth", scale),
        *results[1:],
    ]
    page = compose(panels, 4)
    return np.asarray(cv2.resize(page, None, fx=_SHRUNK, fy=_SHRUNK, interpolation=cv2.INTER_AREA), np.uint8)


def above_picture(scene: BenchScene, frame: Frame) -> NDArray[np.uint8]:
    """The cloud of a band of rows seen from above, points that fly in red; (H, W, 3) uint8 BGR."""
    panels = [Panel(_above(scene, scene.truth), "truth")]
    for name in _shown():
        title, method = METHODS[name]
        depth = method(frame)
        share = scores(depth, scene.truth).flying
        panels.append(Panel(_above(scene, depth), f"{title}: {share:.1%} fly"))
    return compose(panels, 3)


def write_palette(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes (H, W, 3) BGR as a PNG with a palette."""
    rgb = Image.fromarray(np.ascontiguousarray(image[..., ::-1]))
    rgb.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def draw(folder: Path) -> list[Path]:
    """Draws both pictures; returns their paths."""
    scene = room()
    frame = frame_of(SENSORS[CAMERA], scene)
    paths = [folder / "cameras_depth.png", folder / "cameras_above.png"]
    for path, image in zip(paths, (depth_picture(scene, frame), above_picture(scene, frame)), strict=True):
        write_palette(path, image)
    return paths


def _shown() -> Sequence[str]:
    return [*SHOWN, *(name for name in METHODS if name == "served")]


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """As large as the colour image, in its own proportions."""
    height, width = image.shape[:2]
    zoom = min(HEIGHT / height, WIDTH / width)
    size = round(width * zoom), round(height * zoom)
    page = np.full((HEIGHT, WIDTH, 3), _PAPER, np.uint8)
    top, left = (HEIGHT - size[1]) // 2, (WIDTH - size[0]) // 2
    large = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    page[top : top + size[1], left : left + size[0]] = large
    return page


def _above(scene: BenchScene, depth: Depth) -> NDArray[np.uint8]:
    """Points of the band: to the right as the camera sees them, far is up."""
    band = slice(*ROWS)
    z = depth[band]
    x = scene.camera.rays()[band, :, 0] * z
    colours = scene.rgb[band][..., ::-1]
    height, width = _ABOVE
    flies = flying(depth, scene.truth)[band]
    image = np.full((height, width, 3), 255, np.uint8)
    scale = height / (_FAR - _NEAR)
    for drawn, paint in ((np.isfinite(z) & ~flies, None), (flies, (0, 0, 230))):
        rows = np.rint((_FAR - z[drawn]) * scale).astype(int)
        columns = np.rint(x[drawn] * scale + width / 2).astype(int)
        inside = (rows >= 0) & (rows < height - 1) & (columns >= 0) & (columns < width - 1)
        value = (colours[drawn][inside] * 0.75).astype(np.uint8) if paint is None else np.array(paint, np.uint8)
        for down in (0, 1):
            for right in (0, 1):
                image[rows[inside] + down, columns[inside] + right] = value
    return image
