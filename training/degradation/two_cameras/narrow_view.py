"""The depth camera's view ends inside the colour image: beyond its border nothing is measured.

Most depth cameras see a narrower picture than the colour camera beside them, or one of another shape (Azure Kinect's
hexagon, 4:3 depth beside 16:9 colour), so a part of the colour image has depth from nowhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def narrowed(depth: NDArray[np.float32], most: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A depth image (h, w) that ends early at one or two neighbouring sides, what is beyond as NaN.

    Args:
        depth: metres; it is left as it is.
        most: share of the image's side that a strip is wide, at most.
        rng: draws sides and widths.
    """
    cut = depth.copy()
    first, both = int(rng.integers(4)), bool(rng.random() < 0.4)
    for side in (first, (first + 1) % 4)[: 2 if both else 1]:
        turned = np.rot90(cut, side)
        turned[:, : round(rng.uniform(0.2, 1.0) * most * turned.shape[1])] = np.nan
    return cut
