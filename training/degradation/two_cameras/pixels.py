"""What a depth pixel makes of the samples in its square, fast and by brightness.

As `mixing` says, a time-of-flight pixel gathers the light of its whole square. Light adds up by its amount: a bright
surface counts for more than a dark one beside it (Sabov and Krüger, "Identification and correction of flying pixels in
range camera data", 2008). The phase that results is taken for the mean of the distances by brightness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.compiled import compiled
from training.degradation.two_cameras.layers import Drawn
from training.degradation.two_cameras.mixing import Mixing

_Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """What the depth camera's pixels see, (h, w) each.

    Attributes:
        depth: float32 metres, mixed; NaN where fewer than half of the samples see something.
        near: float32 metres, the nearest sample; infinite where there is none.
        far: float32 metres, the farthest sample; 0 where there is none.
        brightness: float32 in [0, 1], mean over the samples that see something.
    """

    depth: _Floats
    near: _Floats
    far: _Floats
    brightness: _Floats


def seen_by(drawn: Drawn, brightness: _Floats, side: int, mixing: Mixing, by_brightness: bool = False) -> Seen:
    """Samples by pixel.

    Args:
        drawn: the view at `side` samples along each pixel's side.
        brightness: (H, W) of the colour image, in [0, 1].
        side: samples along a pixel's side.
        mixing: mean over the square, or the sample in its middle.
        by_brightness: bright samples count for more in a mean.
    """
    size = drawn.inverse.shape[0] // side, drawn.inverse.shape[1] // side
    depth, near, far, bright = (np.empty(size, np.float32) for _ in range(4))
    flat = np.ascontiguousarray(brightness, np.float32).reshape(-1)
    one = mixing is Mixing.ONE
    _gather(drawn.inverse, drawn.source, flat, side, one, by_brightness, depth, near, far, bright)
    return Seen(depth, near, far, bright)


@compiled
def _gather(
    inverse: Any, source: Any, brightness: Any, side: int, one: bool, by_brightness: bool, depth: Any, near: Any,
    far: Any, bright: Any,
) -> None:  # fmt: skip
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            count, light, total, weights, low, high = 0, 0.0, 0.0, 0.0, np.inf, 0.0
            for row in range(y * side, (y + 1) * side):
                for column in range(x * side, (x + 1) * side):
                    q = inverse[row, column]
                    if q <= 0:
                        continue
                    z, shade = 1 / q, brightness[source[row, column]]
                    weight = 0.02 + shade if by_brightness else 1.0
                    count, light = count + 1, light + shade
                    total, weights = total + weight * z, weights + weight
                    low, high = min(low, z), max(high, z)
            middle = inverse[y * side + side // 2, x * side + side // 2]
            if one:
                depth[y, x] = 1 / middle if middle > 0 else np.nan
            else:
                depth[y, x] = total / weights if 2 * count > side * side else np.nan
            near[y, x], far[y, x] = low, high
            bright[y, x] = light / count if count else 0.0
