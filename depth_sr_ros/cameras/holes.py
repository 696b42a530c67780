"""Filling holes of a depth map from its surroundings, where something dense is needed: training and baselines.

The live path does not use this; the frame graph fills holes inside the engine.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fill_nearest(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Copies each hole's value from the valid pixel nearest to it (Euclidean).

    Args:
        values: (H, W); not changed.
        valid: (H, W), False in holes.

    Raises:
        ValueError: nothing is valid.
    """
    if not valid.any():
        raise ValueError("expected at least one valid pixel to fill holes from, found none")
    if valid.all():
        return values
    _, labels = cv2.distanceTransformWithLabels(
        (~valid).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros(int(labels.max()) + 1, np.float32)
    value_of[labels[valid]] = values[valid]
    return value_of[labels]
