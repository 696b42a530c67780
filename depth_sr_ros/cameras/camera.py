"""Cameras: pinhole intrinsics with or without a lens, and how they follow a change of image size.

Pixel centres lie at integer coordinates, x to the right, y down, as in sensor_msgs/CameraInfo. Points are in metres in
the optical frame: x right, y down, z forward.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_sr_ros.cameras.lens import Lens

_ABSURD = 1e4  # times the size of an image, or a part of it: no focal length and no centre of a camera


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
        return Intrinsics(width, height, self.fx * kx, self.fy * ky, _centre(self.cx, kx), _centre(self.cy, ky))

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


@dataclass(frozen=True)
class Camera:
    """A camera that can be used for geometry: intrinsics and lens.

    Attributes:
        intrinsics: of the images.
        lens: their distortion; none for rectified images.

    Raises:
        ValueError: a size or focal length that is not positive, or numbers that are not finite, or of no camera.
    """

    intrinsics: Intrinsics
    lens: Lens = field(default_factory=Lens)

    def __post_init__(self) -> None:
        i = self.intrinsics
        finite = np.isfinite((i.fx, i.fy, i.cx, i.cy)).all()
        if not (finite and i.width > 0 and i.height > 0 and i.fx > 0 and i.fy > 0):
            raise ValueError(
                f"camera: expected a positive size and positive focal lengths, found {i.width}x{i.height}, fx {i.fx}, "
                f"fy {i.fy}, cx {i.cx}, cy {i.cy}; calibrate the camera, or correct its camera_info"
            )
        for name, focal, centre, pixels in (("x", i.fx, i.cx, i.width), ("y", i.fy, i.cy, i.height)):
            if not pixels / _ABSURD <= focal <= pixels * _ABSURD or abs(centre) > pixels * _ABSURD:
                raise ValueError(
                    f"camera: expected a focal length and a centre that suit {pixels} pixels, found f{name} {focal:g} "
                    f"and c{name} {centre:g}; both are in pixels: calibrate the camera, or correct its camera_info"
                )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images, pixels."""
        return self.intrinsics.height, self.intrinsics.width

    def resized(self, width: int, height: int) -> Camera:
        """The same camera with its image resampled to another size; see `Intrinsics.resized`."""
        return replace(self, intrinsics=self.intrinsics.resized(width, height))

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points are seen.

        Args:
            points: (..., 3) metres.

        Returns:
            (..., 2) x and y in pixels, also outside the image; NaN behind the camera and where the lens cannot see.
        """
        points, i = np.asarray(points, np.float64), self.intrinsics
        z = np.where(points[..., 2] > 0, points[..., 2], np.nan)
        seen = self.lens.distort(points[..., :2] / z[..., None])
        return np.stack([seen[..., 0] * i.fx + i.cx, seen[..., 1] * i.fy + i.cy], axis=-1)

    def directions(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Which way pixels look; inverse of `project`.

        Args:
            pixels: (..., 2) x and y.

        Returns:
            (..., 2) x and y at z = 1; times the depth they are a point's. NaN where the lens shows nothing.
        """
        pixels, i = np.asarray(pixels, np.float64), self.intrinsics
        return self.lens.undistort(np.stack([(pixels[..., 0] - i.cx) / i.fx, (pixels[..., 1] - i.cy) / i.fy], axis=-1))

    def rays(self) -> NDArray[np.float64]:
        """`directions` of all pixel centres, (height, width, 2); computed once, not to be changed."""
        return self._rays

    @cached_property
    def _rays(self) -> NDArray[np.float64]:
        height, width = self.size
        x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
        rays = self.directions(np.stack([x, y], axis=-1))
        rays.flags.writeable = False
        return rays


def resampled_matrices(info: Any, width: int, height: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """K (3, 3) and P (3, 4) of the image that a CameraInfo belongs to, resampled to another size.

    K and P of the message are of the full sensor; its region of interest is cut out first, and binning is a change of
    size like any other. All zero, uncalibrated, stays zero.

    Args:
        info: has the fields of sensor_msgs/CameraInfo (ROS 1 or 2); not changed.
        width: new image width, pixels.
        height: new image height, pixels.
    """
    roi = info.roi
    scale_x = _scale(roi.width or info.width, info.binning_x, width)
    scale_y = _scale(roi.height or info.height, info.binning_y, height)
    matrices = np.array(_field(info, "k"), float).reshape(3, 3), np.array(_field(info, "p"), float).reshape(3, 4)
    for matrix in matrices:
        if matrix[2, 2] != 0:
            centre_x, centre_y = matrix[0, 2], matrix[1, 2]
            matrix[0] *= scale_x
            matrix[1] *= scale_y
            matrix[0, 2] = _centre(centre_x - roi.x_offset, scale_x)
            matrix[1, 2] = _centre(centre_y - roi.y_offset, scale_y)
    return matrices


def intrinsics_of(info: Any) -> Intrinsics | None:
    """The pinhole camera, from K, of the images that come with a CameraInfo: region of interest and binning applied.

    Args:
        info: has the fields of sensor_msgs/CameraInfo (ROS 1 or 2).

    Returns:
        None for a camera without size or calibration.
    """
    width = (info.roi.width or info.width) // max(1, info.binning_x)
    height = (info.roi.height or info.height) // max(1, info.binning_y)
    k, _ = resampled_matrices(info, width, height)
    if not (width and height and k[0, 0] > 0 and k[1, 1] > 0):
        return None
    return Intrinsics(int(width), int(height), float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]))


def camera_of(info: Any, rectified: bool = False) -> Camera:
    """The camera of the images that come with a CameraInfo: region of interest and binning applied.

    Args:
        info: has the fields of sensor_msgs/CameraInfo (ROS 1 or 2).
        rectified: the images are rectified: P counts, and there is no distortion. Extrinsics are then those of the
            rectified frame; its rotation R is not applied, as in depth_image_proc.

    Raises:
        ValueError: not calibrated (K, or P, of zero; no size), or a distortion that `Lens` does not know.
    """
    width = (info.roi.width or info.width) // max(1, info.binning_x)
    height = (info.roi.height or info.height) // max(1, info.binning_y)
    k, p = resampled_matrices(info, width, height)
    matrix = p if rectified else k
    name = "P" if rectified else "K"
    if not (np.isfinite(matrix).all() and width and height and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        raise ValueError(
            f"camera_info: expected a calibrated camera with a size and positive focal lengths in {name}, found "
            f"{width}x{height} and {name} {[float(v) for v in matrix.reshape(-1)]}; calibrate the camera, or have its "
            "driver publish its calibration"
        )
    numbers = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    intrinsics = Intrinsics(int(width), int(height), *numbers)
    return Camera(intrinsics, Lens() if rectified else Lens(info.distortion_model, tuple(_field(info, "d"))))


def is_rectified(topic: str, info: Any) -> bool:
    """Whether the images of a topic are rectified: image_proc calls them image_rect, image_rect_color and the like.

    Args:
        topic: of the images, without the suffix of an image transport.
        info: their CameraInfo (ROS 1 or 2); without a P they are taken as they are.
    """
    return topic.rpartition("/")[2].startswith("image_rect") and has_projection(info)


def has_projection(info: Any) -> bool:
    """Whether a CameraInfo (ROS 1 or 2) says in P what rectified images look like."""
    return bool(_field(info, "p")[0] > 0)


def _field(info: Any, name: str) -> Any:
    return getattr(info, name) if hasattr(info, name) else getattr(info, name.upper())  # ROS 1 has K, D, P


def _scale(size: int, binning: int, wanted: int) -> float:
    return wanted / size if size else 1.0 / max(1, binning)


def _centre(old: float, scale: float) -> float:
    """Where a coordinate goes when pixels, whose centres are integers, become `scale` as many."""
    return (old + 0.5) * scale - 0.5
