"""Pinhole intrinsics and how they follow a change of image size.

Pixel centres lie at integer coordinates, x to the right, y down, as in sensor_msgs/CameraInfo.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Intrinsics:
    """Pinhole camera: image size in pixels, focal lengths and principal point in pixels."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def resized(self, width: int, height: int) -> Intrinsics:
        """The same camera with its image resampled to another size.

        The image's edges stay where they are, so a centre moves as (c + 0.5) * k - 0.5.
        """
        kx, ky = width / self.width, height / self.height
        return Intrinsics(
            width, height, self.fx * kx, self.fy * ky, (self.cx + 0.5) * kx - 0.5, (self.cy + 0.5) * ky - 0.5
        )

    @classmethod
    def read(cls, path: Path) -> Intrinsics:
        """Reads a JSON object with the six fields; further keys are left to others.

        Raises:
            FileNotFoundError: no such file.
            ValueError: not JSON, or a field is missing or no number; the message names it.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: expected a JSON file with the keys {[f.name for f in fields(cls)]}")
        try:
            raw = json.loads(path.read_text())
            numbers = (float(raw[name]) for name in ("fx", "fy", "cx", "cy"))
            return cls(int(raw["width"]), int(raw["height"]), *numbers)
        except (KeyError, TypeError, ValueError) as error:
            names = [f.name for f in fields(cls)]
            raise ValueError(f"{path}: expected a JSON object with the numbers {names}; {error!r}") from error

    def write(self, path: Path) -> None:
        """Writes the JSON that `read` reads."""
        Path(path).write_text(json.dumps(asdict(self), indent=2) + "\n")
