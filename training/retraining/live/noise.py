"""What a depth camera's noise is, measured on its own pixels before registration; see `training.retraining.noise`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.datasets.live.recorded import FrameEntry, read_frame, spread_frames
from training.degradation.two_cameras.noise import AxialNoise
from training.retraining.noise import WINDOW, binned, fit_sigma, plane_residuals

_FRAMES = 40


@dataclass(frozen=True)
class LiveNoise:
    """What was measured.

    Attributes:
        axial: standard deviation along the ray; zeros where it could not be measured.
        windows: flat windows that it was measured in.
        frames: that were looked at.
        holes: share of the depth camera's pixels without a measurement.
    """

    axial: AxialNoise
    windows: int
    frames: int
    holes: float

    @property
    def words(self) -> str:
        """What was measured, in a sentence with numbers."""
        holes = f"{self.holes:.1%} of the depth pixels without a measurement, in {self.frames} frames"
        if not self.windows:
            return f"noise along the ray not measured, too few flat windows of {WINDOW}x{WINDOW} px; {holes}"
        one, square = 1e3 * self.axial.constant, 1e3 * self.axial.square
        return (
            f"noise along the ray sigma(z) = {one:.2f} mm + {square:.2f} mm/m² z², from {self.windows} flat windows of "
            f"{WINDOW}x{WINDOW} px; {holes}"
        )

    def as_text(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_text(cls, raw: Mapping[str, Any]) -> LiveNoise:
        """What `as_text` gave."""
        return cls(AxialNoise(**raw["axial"]), int(raw["windows"]), int(raw["frames"]), float(raw["holes"]))


def measure_live_noise(entries: Sequence[FrameEntry]) -> LiveNoise:
    """Measures frames spread evenly over the recordings."""
    chosen = spread_frames(entries, _FRAMES)
    depths = [read_frame(entry.path).depth for entry in chosen]
    bins = binned(np.concatenate([plane_residuals(depth) for depth in depths]))
    constant, square = (round(number, 6) for number in fit_sigma(bins))
    holes = float(np.mean([np.isnan(depth).mean() for depth in depths]))
    return LiveNoise(AxialNoise(constant, 0.0, square), sum(one.windows for one in bins), len(chosen), round(holes, 4))
