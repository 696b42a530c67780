"""Makes docs/images/overview.png: a synthetic room with exact depth, its coarse depth, and the network's result.

Run from the repository root: `python docs/make_overview.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.grids import reduce_to_grid
from depth_sr_ros.cameras.picture import Panel, Scale, compose, depth_panels, false_colours
from depth_sr_ros.recordings.image_files import write_image
from depth_sr_ros.upsampler import Upsampler

HEIGHT, WIDTH, FOCAL, SCALE = 480, 640, 560.0, 8
OUT = Path(__file__).parent / "images" / "overview.png"

Array = NDArray[np.float64]
Hit = tuple[Array, Array]


def main() -> int:
    """Renders, upsamples, draws."""
    rgb, depth = render()
    coarse = reduce_to_grid(depth, (HEIGHT // SCALE, WIDTH // SCALE))
    coarse[20:26, 50:55] = np.nan
    coarse[40:43, 20:34] = np.nan
    upsampler = Upsampler(model="fdkn", scale=SCALE)
    output = upsampler(rgb, coarse).depth
    error = np.abs(output - depth)
    scale = Scale(0.0, 0.2, "m", "error")
    rmse = float(np.sqrt(np.nanmean(error**2)))
    wrong = Panel(false_colours(error, scale), f"error, RMSE {rmse:.3f} m", scale)
    panels = [*depth_panels(rgb, coarse, output), wrong]
    page = compose(panels, 2)
    OUT.parent.mkdir(exist_ok=True)
    write_image(OUT, np.asarray(cv2.resize(page, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA), np.uint8))
    print(f"{OUT}: {upsampler.describe().model}, RMSE {rmse:.4f} m over {np.isfinite(error).mean():.1%} of the pixels")
    return 0


def render(oversample: int = 2) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour (H, W, 3) and exact depth (H, W) in metres, by ray casting; colour is antialiased, depth is not."""
    colour, _ = _cast(oversample)
    small = cv2.resize(colour.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(0).normal(0, 2, small.shape)
    return np.clip(small * 255 + noise, 0, 255).astype(np.uint8), _cast(1)[1].astype(np.float32)


def _cast(factor: int) -> Hit:
    v, u = np.mgrid[: HEIGHT * factor, : WIDTH * factor]
    x = ((u + 0.5) / factor - WIDTH / 2) / FOCAL
    y = ((v + 0.5) / factor - HEIGHT / 2) / FOCAL + 0.12
    ray = np.stack((x, y, np.ones_like(x)), axis=-1)
    depth = np.full(x.shape, np.inf)
    colour = np.zeros((*x.shape, 3))
    for z, paint in (*_room(ray), *_things(ray)):
        nearer = z < depth
        depth[nearer], colour[nearer] = z[nearer], paint[nearer]
    return colour, depth


def _room(ray: Array) -> list[Hit]:
    """Floor, back wall and a side wall, each a plane with a pattern."""
    floor = _positive(1.1 / ray[..., 1])
    point = ray * floor[..., None]
    tiles = (np.floor(point[..., 0] / 0.4) + np.floor(point[..., 2] / 0.4)) % 2
    wall = 3.6 / (ray[..., 2] + 0.12 * ray[..., 0])
    stripes = 0.5 + 0.5 * np.sin(ray[..., 0] * wall * 9)
    side = _positive(-1.6 / ray[..., 0])
    planks = (np.floor(ray[..., 1] * side / 0.15) % 2) * 0.06
    return [
        (floor, _tint(0.45 + 0.25 * tiles, (1.0, 0.85, 0.7))),
        (wall, _tint(0.62 + 0.06 * stripes, (0.75, 0.9, 1.0))),
        (side, _tint(0.5 + planks, (0.95, 0.95, 0.8))),
    ]


def _things(ray: Array) -> list[Hit]:
    """Balls, boxes and a lamp pole."""
    return [
        _ball(ray, (0.35, 0.65, 2.0), 0.42, (0.9, 0.35, 0.25)),
        _ball(ray, (-0.55, 0.85, 1.6), 0.22, (0.3, 0.75, 0.4)),
        _ball(ray, (-0.95, -0.75, 2.7), 0.26, (1.0, 0.95, 0.6)),
        _box(ray, (-1.25, 0.25, 2.5), (-0.75, 1.1, 3.0), (0.35, 0.4, 0.8)),
        _box(ray, (0.95, -0.1, 2.6), (1.5, 1.1, 3.1), (0.65, 0.45, 0.3)),
        _box(ray, (-0.97, -0.55, 2.69), (-0.93, 0.3, 2.73), (0.2, 0.2, 0.22)),
        _box(ray, (-0.2, 0.15, 2.9), (0.1, 1.1, 3.2), (0.85, 0.75, 0.3)),
    ]


def _ball(ray: Array, centre: tuple[float, float, float], radius: float, tint: tuple[float, float, float]) -> Hit:
    middle = np.asarray(centre)
    square = (ray**2).sum(-1)
    half = ray @ middle
    under = half**2 - square * (middle @ middle - radius**2)
    z = np.where(under > 0, (half - np.sqrt(np.maximum(under, 0))) / square, np.inf)
    normal = (ray * np.where(np.isfinite(z), z, 0)[..., None] - middle) / radius
    light = 0.45 + 0.55 * np.clip(normal @ np.array([-0.5, -0.7, -0.5]), 0, 1)
    return z, _tint(light, tint)


def _box(
    ray: Array, low: tuple[float, float, float], high: tuple[float, float, float], tint: tuple[float, float, float]
) -> Hit:
    with np.errstate(divide="ignore"):
        first, second = np.asarray(low) / ray, np.asarray(high) / ray
    near, far = np.minimum(first, second), np.maximum(first, second)
    enter = near.max(-1)
    z = np.where((enter < far.min(-1)) & (enter > 0), enter, np.inf)
    shade = np.choose(near.argmax(-1), [0.6, 0.95, 0.8])
    return z, _tint(shade, tint)


def _positive(z: Array) -> Array:
    # far beyond everything rather than infinite, so that patterns can be computed there
    return np.where(z > 0, z, 1e6)


def _tint(light: Array, tint: tuple[float, float, float]) -> Array:
    return np.clip(light[..., None] * np.asarray(tint), 0, 1)


if __name__ == "__main__":
    sys.exit(main())
