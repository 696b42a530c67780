"""`calibration.json`: two cameras and how they are related.

    {"colour_camera": {"width": 640, "height": 480, "fx": 525.0, "fy": 525.0, "cx": 319.5, "cy": 239.5},
     "depth_camera":  {"width": 640, "height": 480, "fx": 585.0, "fy": 585.0, "cx": 319.5, "cy": 239.5,
                       "distortion_model": "plumb_bob", "distortion": [0.1, -0.2, 0.0, 0.0, 0.05]},
     "depth_to_colour": {"R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "t_m": [-0.025, 0.0, 0.0]}}

`depth_to_colour` takes points in metres from the depth camera's optical frame to the colour camera's. It may also be
`[x, y, z, qx, qy, qz, qw]`. Distortion is optional
(`plumb_bob` where no model is named; see `lens`). Depth that is registered already needs the colour camera only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.transforms import Matrix, rigid_matrix

NAME = "calibration.json"
_FARTHEST_APART = 1000.0  # metres
_EXPECTED = (
    "colour_camera, depth_camera (width, height, fx, fy, cx, cy; optional distortion_model and distortion) and "
    "depth_to_colour (R and t_m in metres, or [x, y, z, qx, qy, qz, qw])"
)


@dataclass(frozen=True)
class Calibration:
    """Two cameras and how they are related.

    Attributes:
        colour: the colour camera.
        depth: the depth camera; None where the file has none.
        depth_to_colour: (4, 4), takes points in metres from the depth camera's optical frame to the colour camera's;
            None where the file has no depth camera.
    """

    colour: Camera
    depth: Camera | None
    depth_to_colour: Matrix | None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def _values(self) -> tuple[Camera, Camera | None, bytes | None]:
        motion = self.depth_to_colour
        return self.colour, self.depth, None if motion is None else motion.tobytes()


def read_calibration(path: Path) -> Calibration:
    """Reads a `calibration.json`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON, something is missing, or a number makes no sense; the message names file and cause.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a JSON file with {_EXPECTED}")
    try:
        known = json.loads(path.read_text())
        colour = described_camera(known["colour_camera"])
        depth = described_camera(known["depth_camera"]) if known.get("depth_camera") else None
        return Calibration(colour, depth, extrinsics(known["depth_to_colour"]) if depth else None)
    except KeyError as error:
        raise ValueError(f"{path}: expected {_EXPECTED}; found no {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: expected {_EXPECTED}; {error}") from error


def extrinsics(known: Any) -> Matrix:
    """The 4x4 matrix of a rigid motion.

    Args:
        known: a mapping with `R` (3, 3) and `t_m`, or seven numbers `[x, y, z, qx, qy, qz, qw]`.

    Raises:
        ValueError: something else, or no rigid motion.
        KeyError: R or t_m is missing.
    """
    if not isinstance(known, Mapping):
        numbers = np.asarray(known, np.float64)
        if numbers.shape != (7,):
            raise ValueError(f"depth_to_colour: expected [x, y, z, qx, qy, qz, qw], found {known!r}")
        vector = SimpleNamespace(**dict(zip("xyz", numbers[:3], strict=True)))
        turn = SimpleNamespace(**dict(zip("xyzw", numbers[3:], strict=True)))
        return rigid_matrix(SimpleNamespace(translation=vector, rotation=turn), "depth_to_colour")
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = known["R"], known["t_m"]
    return check_rigid(matrix)


def check_rigid(matrix: Any) -> Matrix:
    """The matrix itself, as float64, where it is a rigid motion.

    Raises:
        ValueError: another shape, numbers that are not finite, a rotation that is none, or cameras far apart.
    """
    found = np.asarray(matrix, np.float64)
    if found.shape != (4, 4) or not np.isfinite(found).all():
        raise ValueError(f"depth_to_colour: expected 4x4 finite numbers, found {found.tolist()}")
    rotation = found[:3, :3]
    skew = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if skew > 1e-3 or np.linalg.det(rotation) < 0 or np.abs(found[3] - (0, 0, 0, 1)).max() > 1e-9:
        raise ValueError(
            "depth_to_colour: expected a rotation (R times its transpose is 1, its determinant too), found "
            f"{rotation.tolist()}; give an orthonormal, right-handed R without scale"
        )
    if np.abs(found[:3, 3]).max() > _FARTHEST_APART:
        raise ValueError(
            f"depth_to_colour: expected cameras at most {_FARTHEST_APART:g} m apart, found a translation of "
            f"{found[:3, 3].tolist()} m; give it in metres"
        )
    return found


def described_camera(known: Mapping[str, Any]) -> Camera:
    """A camera as `calibration.json` describes it.

    Args:
        known: width, height, fx, fy, cx, cy; optional distortion_model and distortion.

    Raises:
        ValueError: a number or a distortion that makes no sense.
        KeyError: a number is missing.
    """
    numbers = (float(known[key]) for key in ("fx", "fy", "cx", "cy"))
    coefficients = tuple(known.get("distortion") or ())
    lens = Lens(str(known.get("distortion_model") or ("plumb_bob" if coefficients else "none")), coefficients)
    return Camera(Intrinsics(int(known["width"]), int(known["height"]), *numbers), lens)
