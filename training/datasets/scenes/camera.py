"""What light and a camera do to a picture: lighting that has nothing to do with depth, blur, noise, gamma, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.scenes.outlines import Random
from training.datasets.scenes.textures import smooth_noise

Picture = NDArray[np.float32]


def light(rng: Random, picture: Picture) -> Picture:
    """Uneven light over the whole scene: a gradient, blotches, hard shadows of things outside, vignetting."""
    height, width = picture.shape[:2]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    tilt = rng.normal(0, 0.15, 2).astype(np.float32)
    field = 1 + tilt[0] * x + tilt[1] * y
    if rng.random() < 0.4:
        field *= np.exp(smooth_noise(rng, height, width, 3, 3) * np.float32(rng.uniform(0, 0.3)))
    if rng.random() < 0.2:
        edge = smooth_noise(rng, height, width, rng.uniform(2, 6), rng.uniform(2, 6))
        shade = np.clip(edge * np.float32(rng.choice((3, 30))) + 0.5, 0, 1)
        field *= 1 - np.float32(rng.uniform(0.1, 0.6)) * shade
    if rng.random() < 0.5:
        field *= 1 - np.float32(rng.uniform(0, 0.25)) * (x**2 + y**2)
    exposure = np.exp(rng.normal(0, 0.3))
    cast = np.exp(rng.normal(0, 0.08, 3))
    return np.asarray(picture * np.maximum(field, 0.05)[..., None] * (exposure * cast).astype(np.float32), np.float32)


def defocus(rng: Random, picture: Picture, nearness: NDArray[np.float32]) -> Picture:
    """Softens everything a little; now and then what is far from the plane of focus more."""
    sigma = float(rng.choice((0.0, 0.4, 0.6, 0.9)))
    if sigma:
        picture = np.asarray(cv2.GaussianBlur(picture, (5, 5), sigma), np.float32)
    if rng.random() < 0.15:
        far = np.abs(nearness - np.float32(rng.random()))
        soft = cv2.GaussianBlur(picture, (9, 9), rng.uniform(1, 2))
        share = cv2.blur(np.clip(far * 2 - 0.3, 0, 1), (7, 7))[..., None]
        picture = np.asarray(picture + share * (soft - picture), np.float32)
    return picture


def expose(rng: Random, picture: Picture) -> NDArray[np.uint8]:
    """Linear light to 8-bit RGB: noise of photons and sensor, gamma, JPEG."""
    gain = float(np.exp(rng.uniform(np.log(1e-5), np.log(3e-3)))) if rng.random() < 0.7 else 0.0
    picture = np.clip(picture, 0, 1)
    if gain:
        noise = rng.standard_normal(picture.shape, dtype=np.float32)
        picture = np.clip(picture + noise * np.sqrt(np.float32(gain) * picture + np.float32(gain * 0.03)), 0, 1)
    gamma = np.float32(1 / rng.uniform(1.6, 2.6))
    eight = np.asarray(cv2.pow(picture, float(gamma)) * 255 + 0.5, np.uint8)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 98))]
        coded = cv2.imencode(".jpg", np.ascontiguousarray(eight[..., ::-1]), quality)[1]
        eight = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)[..., ::-1]
    return np.ascontiguousarray(eight)
