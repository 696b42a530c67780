"""What a depth sensor's noise is, measured in its own recordings.

Noise along the ray: on small windows without a depth edge, depth is a plane but for its noise; the standard deviation
of the residuals, in bins of depth, gives sigma(z) = a + b z^2. The median over the windows of a bin lets curved or
broken ones count little. What a camera smears over more pixels than a window has is not seen, so this is a lower bound.

Lost measurements: the share of the cells that the reduction leaves empty, at depth edges and elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.datasets.pairs import Pair, PairEntry, load_pair
from training.degradation import Observation, masked_median_down
from training.degradation.measured import MeasuredSensor
from training.degradation.sensor import EDGE, neighbourhood
from training.retraining.split import spread

WINDOW = 7
"""Side of the windows that planes are fitted to, pixels."""

_FRAMES, _BINS, _LEAST_WINDOWS = 40, 8, 40
# a window that spans more than this share of its depth has an edge in it
_LARGEST_RELIEF = 0.04


@dataclass(frozen=True)
class NoiseBin:
    """Windows of similar depth: their median depth, the median standard deviation (both metres) and their number."""

    depth: float
    sigma: float
    windows: int


@dataclass(frozen=True)
class MeasuredNoise:
    """What was measured.

    Attributes:
        sensor: the noise as a degradation draws it.
        bins: what sigma was fitted to; empty where there were too few flat windows to measure.
        frames: that were looked at.
        holes: share of pixels without a measurement.
    """

    sensor: MeasuredSensor
    bins: tuple[NoiseBin, ...]
    frames: int
    holes: float

    @property
    def words(self) -> list[str]:
        """What was measured, in sentences with numbers."""
        s = self.sensor
        lines = []
        if self.bins:
            near, far = self.bins[0].depth, self.bins[-1].depth
            at = [f"{1e3 * (s.constant + s.quadratic * z**2):.1f} mm at {z:.2f} m" for z in (near, far)]
            windows = sum(one.windows for one in self.bins)
            lines.append(
                f"noise along the ray: sigma(z) = {1e3 * s.constant:.2f} mm + {1e3 * s.quadratic:.2f} mm/m² z², that "
                f"is {at[0]} and {at[1]}; {windows} flat windows of {WINDOW}x{WINDOW} px in {self.frames} frames"
            )
        else:
            lines.append(f"noise along the ray: not measured, too few flat windows of {WINDOW}x{WINDOW} px")
        lines.append(
            f"without a measurement: {self.holes:.1%} of the pixels; of the cells at depth edges "
            f"{s.lost_at_edges:.1%}, of the others {s.lost_elsewhere:.1%}"
        )
        return lines

    def as_text(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_text(cls, raw: dict[str, Any]) -> MeasuredNoise:
        """What `as_text` gave."""
        bins = tuple(NoiseBin(**one) for one in raw["bins"])
        return cls(MeasuredSensor(**raw["sensor"]), bins, int(raw["frames"]), float(raw["holes"]))


def measure_noise(entries: Sequence[PairEntry], scale: int) -> MeasuredNoise:
    """Measures the noise of recordings, on frames spread evenly over them.

    Args:
        entries: metric depth in metres.
        scale: side of the cells that are counted as lost or not.
    """
    windows, holes, edges, others = [], [], [], []
    chosen = spread(entries, _FRAMES)
    for entry in chosen:
        pair = load_pair(entry)
        depth = np.where(pair.valid, pair.target, np.nan).astype(np.float32)
        windows.append(plane_residuals(depth))
        holes.append(float(np.mean(~pair.valid)))
        lost, at_edge = _lost_cells(pair, scale)
        edges.append((float((lost & at_edge).sum()), float(at_edge.sum())))
        others.append((float((lost & ~at_edge).sum()), float((~at_edge).sum())))
    bins = binned(np.concatenate(windows))
    a, b = (round(number, 6) for number in fit_sigma(bins))  # a thousandth of a millimetre is nothing
    sensor = MeasuredSensor(a, b, round(_ratio(edges), 4), round(_ratio(others), 4))
    return MeasuredNoise(sensor, bins, len(chosen), float(np.mean(holes)))


def plane_residuals(depth: NDArray[np.float32]) -> NDArray[np.float64]:
    """Depth and standard deviation of the residuals of the windows without holes and edges, (n, 2) metres.

    Args:
        depth: (H, W) metres, NaN invalid.
    """
    height, width = (side // WINDOW * WINDOW for side in depth.shape)
    cells = depth[:height, :width].reshape(height // WINDOW, WINDOW, width // WINDOW, WINDOW).swapaxes(1, 2)
    tiles = cells.reshape(-1, WINDOW * WINDOW).astype(np.float64)
    tiles = tiles[np.isfinite(tiles).all(axis=1)]
    middle = np.median(tiles, axis=1) if len(tiles) else np.zeros(0)
    flat = np.ptp(tiles, axis=1) <= _LARGEST_RELIEF * middle
    tiles, middle = tiles[flat], middle[flat]
    y, x = np.mgrid[:WINDOW, :WINDOW].reshape(2, -1)
    plane = np.stack([np.ones(WINDOW**2), x, y], axis=1)
    projection = plane @ np.linalg.pinv(plane)
    residuals = tiles - tiles @ projection
    sigma = np.sqrt((residuals**2).sum(axis=1) / (WINDOW**2 - 3))
    return np.stack([middle, sigma], axis=1)


def binned(windows: NDArray[np.float64]) -> tuple[NoiseBin, ...]:
    """Bins of equally many windows of `plane_residuals`, by depth; none where there are too few."""
    if len(windows) < _LEAST_WINDOWS:
        return ()
    ordered = windows[np.argsort(windows[:, 0])]
    parts = np.array_split(ordered, min(_BINS, len(windows) // (_LEAST_WINDOWS // 2)))
    return tuple(NoiseBin(float(np.median(p[:, 0])), float(np.median(p[:, 1])), len(p)) for p in parts)


def fit_sigma(bins: Sequence[NoiseBin]) -> tuple[float, float]:
    """Both numbers of sigma(z) = a + b z^2, by least squares over the bins, neither below 0; zeros without bins."""
    if not bins:
        return 0.0, 0.0
    square = np.asarray([one.depth**2 for one in bins])
    sigma = np.asarray([one.sigma for one in bins])
    if np.ptp(square) < 0.05 * square.mean():  # one depth says nothing about growth
        return float(sigma.mean()), 0.0
    b, a = np.polyfit(square, sigma, 1)
    if b < 0:
        return float(sigma.mean()), 0.0
    if a < 0:
        return 0.0, float((sigma * square).sum() / (square**2).sum())
    return float(a), float(b)


def _lost_cells(pair: Pair, scale: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells without a measurement, and cells at depth edges, (h, w)."""
    height, width = (side - side % scale for side in pair.target.shape)
    depth = torch.from_numpy(np.ascontiguousarray(pair.target[:height, :width]))[None, None]
    valid = torch.from_numpy(np.ascontiguousarray(pair.valid[:height, :width]))[None, None].float()
    median, known = masked_median_down(depth, valid, scale)
    # what is filled makes no edges: the extremes are those of measured neighbours
    near, _ = neighbourhood(median.where(known > 0, torch.inf))
    _, far = neighbourhood(median.where(known > 0, -torch.inf))
    middle = Observation(median, known).filled()
    at_edge = ((2 * middle - near - far).abs() / middle.clamp(min=1e-6) > EDGE) & near.isfinite()
    return (known == 0)[0, 0].numpy(), at_edge[0, 0].numpy()


def _ratio(counts: Sequence[tuple[float, float]]) -> float:
    part, whole = (sum(column) for column in zip(*counts, strict=True))
    return part / whole if whole else 0.0
