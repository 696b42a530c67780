"""Textures cut from photographs: real colours and real detail on made surfaces.

What a photograph shows has no depth here, so its edges are edges that a network must learn not to copy.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.datasets.scenes.outlines import Random

_GAMMA = 2.2  # from the file's values to light
_LINEAR = ((np.arange(256) / 255) ** _GAMMA).astype(np.float32)


class Photographs:
    """Photographs to cut from.

    Args:
        images: (H, W, 3) uint8 each; not changed.

    Raises:
        ValueError: no images.
    """

    def __init__(self, images: Sequence[NDArray[np.uint8]]) -> None:
        if not images:
            raise ValueError("photographs: expected at least one image to cut textures from, found none")
        self._images = list(images)

    def cut(self, rng: Random, height: int, width: int) -> NDArray[np.float32]:
        """A piece of a random one, turned and scaled, under other light: (height, width, 3) linear light."""
        image = self._images[rng.integers(len(self._images))]
        zoom, angle = np.exp(rng.uniform(np.log(0.4), np.log(1.5))), rng.uniform(0, 2 * np.pi)
        across, along = np.cos(angle) * zoom, np.sin(angle) * zoom
        middle = rng.uniform((0, 0), image.shape[1::-1])
        # the piece's middle lies on a place of the photograph
        left = middle[0] - across * width / 2 + along * height / 2
        top = middle[1] - along * width / 2 - across * height / 2
        matrix = np.array([[across, -along, left], [along, across, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        piece = cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
        light = rng.uniform(0.6, 1.4) * np.exp(rng.normal(0, 0.08, 3))
        return np.asarray(_LINEAR[piece] * light.astype(np.float32), np.float32)
