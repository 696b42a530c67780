"""The two cameras of a recording: the depth image's, the colour image's, and how they stand to each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from depth_sr_ros.cameras.calibration import check_rigid, described_camera
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions
from depth_sr_ros.cameras.transforms import Matrix


@dataclass(frozen=True, eq=False)
class RecordedView:
    """Cameras of a recording. Registered depth has a depth camera, too: the colour camera on another grid.

    Attributes:
        depth: of the depth images.
        colour: of the colour images.
        to_colour: (4, 4), takes points in metres from the depth camera's optical frame to the colour camera's.
        registered: whether depth arrives registered.
    """

    depth: Camera
    colour: Camera
    to_colour: Matrix
    registered: bool

    @property
    def ratio(self) -> float:
        """Colour pixels per depth pixel, along a line."""
        depth, colour = self.depth.intrinsics, self.colour.intrinsics
        return math.sqrt(colour.fx * colour.fy / (depth.fx * depth.fy))

    @property
    def focal(self) -> float:
        """Of the depth camera, pixels."""
        return math.sqrt(self.depth.intrinsics.fx * self.depth.intrinsics.fy)

    @property
    def baseline(self) -> float:
        """Metres between the cameras."""
        return float(np.linalg.norm(self.to_colour[:3, 3]))

    @property
    def turn(self) -> float:
        """Degrees between the directions that the cameras look in."""
        return math.degrees(math.acos(min(1.0, float(self.to_colour[2, 2]))))

    @property
    def words(self) -> str:
        """What it is, for people."""
        depth, colour = ("{1}x{0}".format(*camera.size) for camera in (self.depth, self.colour))
        how = "registered" if self.registered else f"{1e3 * self.baseline:.0f} mm beside colour"
        return f"depth {depth} for colour {colour}, {how}, {self.ratio:.2f} colour pixels per depth pixel"

    def registration(self, fill: bool = True) -> Registration:
        """The registration of run time.

        Raises:
            ValueError: cameras that see nothing in common.
        """
        options = RegistrationOptions(fill=fill, assign_mixed=True, threads=1)
        return Registration(self.depth, self.colour, self.to_colour, options)

    def coarser(self, times: int) -> RecordedView:
        """Both cameras with images a whole number of times smaller; of depth every so many-th pixel is left."""
        height, width = self.colour.size
        depth, first = self.depth.intrinsics, times // 2
        rows, columns = (len(range(first, side, times)) for side in self.depth.size)
        fx, fy, cx, cy = depth.fx / times, depth.fy / times, (depth.cx - first) / times, (depth.cy - first) / times
        small = Camera(Intrinsics(columns, rows, fx, fy, cx, cy), self.depth.lens)
        return RecordedView(small, self.colour.resized(width // times, height // times), self.to_colour, False)

    def as_text(self) -> dict[str, Any]:
        """For JSON, as `calibration.json` has it."""
        motion = {"R": self.to_colour[:3, :3].tolist(), "t_m": self.to_colour[:3, 3].tolist()}
        cameras = {"colour_camera": _described(self.colour), "depth_camera": _described(self.depth)}
        return {**cameras, "depth_to_colour": motion, "registered": self.registered}

    @classmethod
    def from_text(cls, raw: Mapping[str, Any]) -> RecordedView:
        """What `as_text` gave. Raises KeyError or ValueError for something else."""
        motion = np.eye(4)
        motion[:3, :3], motion[:3, 3] = raw["depth_to_colour"]["R"], raw["depth_to_colour"]["t_m"]
        depth, colour = (described_camera(raw[name]) for name in ("depth_camera", "colour_camera"))
        return cls(depth, colour, check_rigid(motion), bool(raw["registered"]))


def _described(camera: Camera) -> dict[str, Any]:
    lens = camera.lens
    return {**asdict(camera.intrinsics), "distortion_model": lens.model, "distortion": list(lens.coefficients)}
