"""Depth units and validity (REP 118).

Inside the package depth is float32 metres and NaN means invalid. At its edges the encoding decides: `16UC1` and
`mono16` hold millimetres with 0 for invalid, `32FC1` holds metres with NaN for invalid. Infinite, zero and negative
distances are invalid in every encoding, and so is the largest count of 16 bits: some sensors write it instead of 0, and
one pixel of it, taken for 65.5 m, would flatten the range of its whole frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.errors import FrameError

METRES_PER_UNIT: dict[str, float] = {"16UC1": 0.001, "mono16": 0.001, "32FC1": 1.0}
"""Depth encodings and the length of one raw unit in metres."""

NOT_MEASURED = 65535
"""The largest 16-bit count: no distance, in whatever unit."""

_DTYPES = {"16UC1": np.uint16, "mono16": np.uint16, "32FC1": np.float32}


def to_metres(raw: NDArray[Any], encoding: str, unit: float | None = None) -> NDArray[np.float32]:
    """Converts raw depth to metres, in a new array.

    Args:
        raw: (H, W), uint16 or float32 as the encoding says; not changed.
        encoding: one of `METRES_PER_UNIT`.
        unit: metres per raw unit, for sensors that do not follow the encoding; None or 0 follows it.

    Returns:
        (H, W) float32 metres, NaN where invalid: also where a 16-bit count is `NOT_MEASURED`.

    Raises:
        FrameError: cause `encoding` for an unknown encoding or another array type, `empty` for no pixels.
    """
    if encoding not in METRES_PER_UNIT:
        raise FrameError(
            "encoding",
            f"depth encoding: expected one of {sorted(METRES_PER_UNIT)}, found {encoding!r}; "
            "set the camera driver to publish raw depth in one of these",
        )
    expected = np.dtype(_DTYPES[encoding])
    if raw.ndim != 2 or raw.dtype != expected:
        raise FrameError("encoding", f"{encoding} depth: expected (H, W) {expected}, found {raw.shape} {raw.dtype}")
    if raw.size == 0:
        raise FrameError("empty", f"depth image has no pixels: found {raw.shape}; check the camera driver")
    depth = np.multiply(raw, np.float32(unit or METRES_PER_UNIT[encoding]), dtype=np.float32)
    usable = np.isfinite(depth)
    usable &= depth > 0
    if expected == np.uint16:
        usable &= raw != NOT_MEASURED
    depth[~usable] = np.nan
    return depth


def within_range(depth: NDArray[np.float32], low: float, high: float) -> tuple[NDArray[np.float32], int]:
    """Leaves out what is measured beyond a range.

    Args:
        depth: (h, w) float32 metres, NaN, infinite or not positive where invalid; not changed.
        low: nearest distance that counts, metres.
        high: farthest distance that counts, metres; may be infinite.

    Returns:
        Depth, NaN beyond the range (`depth` itself where the range has no limits), and how many measured pixels that
        left out.
    """
    if low <= 0 and high == np.inf:
        return depth, 0
    with np.errstate(invalid="ignore"):
        measured, inside = np.isfinite(depth) & (depth > 0), (depth >= low) & (depth <= high)
    return np.where(inside, depth, np.float32(np.nan)), int(np.count_nonzero(measured & ~inside))


def to_millimetres(depth: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Converts metres to `16UC1` millimetres, rounded; 0 where invalid or outside 1 mm to 65.534 m.

    Args:
        depth: (H, W) float32 metres, NaN where invalid; not changed.
    """
    millimetres = depth * np.float32(1000) + np.float32(0.5)
    with np.errstate(invalid="ignore"):
        fits = (millimetres >= 1) & (millimetres < NOT_MEASURED)
    return np.where(fits, millimetres, 0).astype(np.uint16)
