"""A simulated coarse time-of-flight sensor: what it would measure of a scene whose depth is known exactly.

Each sensor pixel averages the light of its footprint, so that pixels on a depth edge lie between the two sides.
Noise follows the axial noise of a Kinect as measured by Nguyen, Izadi and Lovell, "Modeling Kinect sensor noise for
improved 3D reconstruction and tracking" (3DIMPVT 2012): sigma = 0.0012 + 0.0019 (z - 0.4)^2 metres.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.depth import to_millimetres

EDGE_JUMP_M = 0.15
"""Depth differences between neighbours from which on a pixel lies on an edge."""
EDGE_DROPOUT, RANDOM_DROPOUT = 0.15, 0.005
"""Share of pixels without a measurement, on edges and elsewhere."""


def noise_sigma(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of the noise, metres, at depths in metres."""
    return (0.0012 + 0.0019 * (depth - 0.4) ** 2).astype(np.float32)


def simulate_sensor(truth: NDArray[np.float32], factor: int, seed: int) -> NDArray[np.uint16]:
    """What a sensor of a coarser grid measures: (h, w) uint16 millimetres, 0 where it sees nothing.

    Args:
        truth: (H, W) float32 metres, NaN where unknown; unknown is a hole to the sensor too.
        factor: H / h.
        seed: of noise and dropouts; one seed, one result.
    """
    rng = np.random.default_rng(seed)
    depth = footprint_mean(truth, factor)
    noisy = depth + noise_sigma(depth) * rng.standard_normal(depth.shape, np.float32)
    chance = np.where(_on_edge(depth), EDGE_DROPOUT, RANDOM_DROPOUT)
    noisy[rng.random(depth.shape) < chance] = np.nan
    return to_millimetres(noisy)


def footprint_mean(truth: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean of the known depth in each factor x factor footprint, NaN where less than half of it is known."""
    height, width = truth.shape[0] // factor, truth.shape[1] // factor
    footprints = truth.reshape(height, factor, width, factor)
    known = np.isfinite(footprints)
    count = known.sum(axis=(1, 3))
    total = np.where(known, footprints, 0).sum(axis=(1, 3))
    return np.where(2 * count >= factor * factor, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _on_edge(depth: NDArray[np.float32]) -> NDArray[np.bool_]:
    edge = np.zeros(depth.shape, bool)
    with np.errstate(invalid="ignore"):
        down = np.abs(np.diff(depth, axis=0)) > EDGE_JUMP_M
        right = np.abs(np.diff(depth, axis=1)) > EDGE_JUMP_M
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge
