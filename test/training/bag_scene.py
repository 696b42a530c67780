"""Small RGB-D recordings, made up on the spot: a textured wall with a box before it, seen by a moving camera."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.recordings.bag_writer import BagWriter

HEIGHT, WIDTH = 48, 64
CAMERA = Intrinsics(WIDTH, HEIGHT, 60.0, 60.0, 31.5, 23.5)
START, STEP = 1_700_000_000_000_000_000, 33_000_000
COLOUR_TOPIC, DEPTH_TOPIC = "/rgb/image", "/depth_raw/image"


def frame(position: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Colour (48, 64, 3) RGB and depth uint16 millimetres with a hole, of a camera `position` pixels to the right."""
    wall = np.random.default_rng(seed).integers(0, 256, (HEIGHT // 4, 64, 3), np.uint8)
    wall = cv2.resize(wall, (256, HEIGHT), interpolation=cv2.INTER_CUBIC)
    at = round(position) % 190
    rgb = wall[:, at : at + WIDTH].copy()
    depth = np.full((HEIGHT, WIDTH), 2500, np.uint16)
    left = 10 + seed % 20
    rgb[12:32, left : left + 18] = rgb[12:32, left : left + 18] // 3 + 150
    depth[12:32, left : left + 18] = 1200
    depth[:3, :5] = 0
    return rgb, depth


def blurred(rgb: np.ndarray) -> np.ndarray:
    return cv2.blur(rgb, (9, 1))


def write_scene(folder: Path, count: int = 12, storage: str = "mcap", seed: int = 0, speed: float = 2.0) -> Path:
    """A bag of `count` pairs, every one of which is worth keeping at the default speed."""
    with BagWriter(folder, storage) as bag:
        for number in range(count):
            rgb, depth = frame(number * speed, seed)
            write_pair(bag, number, rgb, depth)
    return folder


def write_pair(bag: BagWriter, number: int, rgb: np.ndarray, depth: np.ndarray, offset_ns: int = 1_000_000) -> None:
    stamp = START + number * STEP
    bag.write_camera_info("/rgb/camera_info", stamp, "camera", CAMERA.resized(rgb.shape[1], rgb.shape[0]))
    bag.write_image(COLOUR_TOPIC, stamp, "camera", rgb, "rgb8")
    bag.write_image(DEPTH_TOPIC, stamp + offset_ns, "camera", depth, "16UC1" if depth.dtype == np.uint16 else "32FC1")


def compressed_depth(depth: np.ndarray, encode) -> tuple[bytes, str]:
    """What image_transport makes of depth: data and description. Metres are stored as quantised inverse depth."""
    scale, offset, kind, values = 0.0, 0.0, "16UC1", depth
    if depth.dtype == np.float32:
        scale, offset, kind = 10100.0, 1.0 - 10100.0 / 10, "32FC1"
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(np.isfinite(depth), scale / depth + offset, 0).astype(np.uint16)
    body, name = encode(values)
    return struct.pack("<iff", 0, scale, offset) + body, f"{kind}; compressedDepth {name}"


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder that is not hidden."""
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".")}
