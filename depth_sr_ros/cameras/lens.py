"""Lens distortion by the models of sensor_msgs/CameraInfo, forward and back.

Coordinates are those of the plane z = 1 in front of the camera: `x` to the right, `y` down, without unit. `distort`
takes where a pinhole would see a point to where the lens puts it; `undistort` goes back by iteration.

| model | coefficients |
|---|---|
| `none` | none |
| `plumb_bob` | k1 k2 p1 p2 [k3] [k4 k5 k6] |
| `rational_polynomial` | k1 k2 p1 p2 k3 k4 k5 k6 [s1 s2 s3 s4 (thin prism) [0 0 (tilt)]] |
| `equidistant` | k1 k2 k3 k4, angles from the axis (fisheye) |

Orbbec's driver names the rational polynomial `plumb_bob` and gives its eight coefficients: more than five are read so.

A polynomial that was fitted inside the image may turn back far outside of it, and would then put points into the image
that the camera cannot see. `Lens.reach` is where it turns; nothing beyond is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE, BROWN, EQUIDISTANT = 0, 1, 2
"""Formulas, by number for compiled code."""

COEFFICIENTS = 12
"""How many coefficients a model has at most."""

_FORMULAS = {"": NONE, "none": NONE, "plumb_bob": BROWN, "rational_polynomial": BROWN, "equidistant": EQUIDISTANT}
_COUNTS = {"": (0,), "none": (0,), "plumb_bob": (4, 5, 8), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
_FARTHEST = 57.0  # the tangent of 89 degrees
_NEWTON_STEPS = 12
_TOLERANCE = 1e-7  # of a focal length: far below a pixel's thousandth


def distorted(formula: int, k: Any, x: Any, y: Any) -> Any:
    """Where the lens puts a point; for numbers in compiled code and for whole arrays.

    Args:
        formula: `NONE`, `BROWN` or `EQUIDISTANT`.
        k: as `Lens.padded`: its last number is a 1 of the array's type, so that float32 stays float32.
        x: of the pinhole's view.
        y: of the pinhole's view.

    Returns:
        x and y of the lens's view.
    """
    if formula == NONE:
        return x, y
    return brown(k, x, y) if formula == BROWN else equidistant(k, x, y)


def brown(k: Any, x: Any, y: Any) -> Any:
    """`distorted` by `plumb_bob` and `rational_polynomial`."""
    xx, xy, yy, one = x * x, x * y, y * y, k[COEFFICIENTS]
    r2 = xx + yy
    radial = (one + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))) / (one + r2 * (k[5] + r2 * (k[6] + r2 * k[7])))
    return (
        x * radial + k[2] * (xy + xy) + k[3] * (r2 + xx + xx) + r2 * (k[8] + r2 * k[9]),
        y * radial + k[2] * (r2 + yy + yy) + k[3] * (xy + xy) + r2 * (k[10] + r2 * k[11]),
    )


def equidistant(k: Any, x: Any, y: Any) -> Any:
    """`distorted` by `equidistant`."""
    r = np.sqrt(x * x + y * y) + 1e-9  # the axis itself stays where it is
    angle = np.arctan(r)
    a2 = angle * angle
    scale = angle * (k[COEFFICIENTS] + a2 * (k[0] + a2 * (k[1] + a2 * (k[2] + a2 * k[3])))) / r
    return x * scale, y * scale


@dataclass(frozen=True)
class Lens:
    """One of the distortion models of sensor_msgs/CameraInfo with its coefficients.

    Attributes:
        model: as in CameraInfo's `distortion_model`; `none` or empty for a pinhole.
        coefficients: as in CameraInfo's `d`.
        reach: distance from the axis, in the plane z = 1, up to which the lens sees; infinite where nothing limits it.

    Raises:
        ValueError: an unknown model, a wrong number of coefficients, one that is not finite, or a tilted sensor.
    """

    model: str = "none"
    coefficients: tuple[float, ...] = ()
    reach: float = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(float(value) for value in self.coefficients))
        _check(self.model, self.coefficients)
        object.__setattr__(self, "reach", self._turning_point())

    @property
    def formula(self) -> int:
        """Which formula it is, for compiled code; `NONE` too where the coefficients change nothing."""
        formula = _FORMULAS[self.model]
        return NONE if formula == BROWN and not any(self.coefficients) else formula

    def padded(self) -> NDArray[np.float64]:
        """`COEFFICIENTS` numbers, those of the model first and 0 for the others, and then a 1."""
        padded = np.zeros(COEFFICIENTS + 1)
        known = self.coefficients[:COEFFICIENTS]
        padded[: len(known)], padded[-1] = known, 1
        return padded

    def distort(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the lens puts points.

        Args:
            points: (..., 2) x and y of the pinhole's view.

        Returns:
            (..., 2), NaN for points beyond `reach`.
        """
        points = np.asarray(points, np.float64)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            moved = np.stack(distorted(self.formula, self.padded(), points[..., 0], points[..., 1]), axis=-1)
            moved[~(np.hypot(points[..., 0], points[..., 1]) <= self.reach)] = np.nan
        return moved

    def undistort(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where a pinhole would see what the lens shows; inverse of `distort`.

        Args:
            points: (..., 2) x and y of the lens's view.

        Returns:
            (..., 2), NaN for what no point within `reach` shows.
        """
        points = np.asarray(points, np.float64)
        if self.formula == NONE:
            return points.copy()
        with np.errstate(all="ignore"):
            found = self._first_guess(points)
            for _ in range(_NEWTON_STEPS):
                found = self._newton(found, points)
            error = np.abs(self.distort(found) - points).max(axis=-1)
            found[~(error < _TOLERANCE)] = np.nan
        return found

    def _first_guess(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """By a table of the radial part alone, which is most of it."""
        radii = _radii()
        radii = radii[radii <= self.reach]
        length = np.hypot(points[..., 0], points[..., 1])
        known = np.interp(length, self._radial(radii), radii)
        return points * np.where(length > 0, known / np.maximum(length, 1e-300), 1.0)[..., None]

    def _newton(self, found: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
        step = 1e-6
        k, x, y = self.padded(), found[..., 0], found[..., 1]

        def at(dx: float, dy: float) -> NDArray[np.float64]:
            return np.stack(distorted(self.formula, k, x + dx, y + dy), axis=-1)

        (a, c), (b, d) = (
            np.moveaxis((at(dx, dy) - at(-dx, -dy)) / (2 * step), -1, 0) for dx, dy in ((step, 0), (0, step))
        )
        ex, ey = np.moveaxis(wanted - at(0, 0), -1, 0)
        determinant = a * d - b * c
        return found + np.stack([(d * ex - b * ey) / determinant, (a * ey - c * ex) / determinant], axis=-1)

    def _radial(self, radii: NDArray[np.float64]) -> NDArray[np.float64]:
        k = self.padded()
        if self.formula == BROWN:
            k[[2, 3, 8, 9, 10, 11]] = 0
        return np.asarray(distorted(self.formula, k, radii, np.zeros_like(radii))[0])

    def _turning_point(self) -> float:
        if self.formula == NONE:
            return float("inf")
        radii = _radii()
        with np.errstate(all="ignore"):
            rises = np.diff(self._radial(radii)) > 0
        if rises.all():
            return float("inf")
        return float(radii[int(np.argmin(rises))])


def _radii() -> NDArray[np.float64]:
    """Distances from the axis, dense where images are."""
    return np.concatenate([np.linspace(0, 4, 8001), np.geomspace(4, _FARTHEST, 400)[1:]])


def _check(model: str, coefficients: Sequence[float]) -> None:
    if model not in _FORMULAS:
        known = [name for name in _FORMULAS if name]
        raise ValueError(
            f"distortion model: expected one of {known}, found {model!r}; rectify the images, or publish a "
            "camera_info with one of these"
        )
    if not np.isfinite(coefficients).all():
        raise ValueError(f"{model} distortion: expected finite numbers, found {list(coefficients)}; calibrate anew")
    if len(coefficients) not in _COUNTS[model] and (any(coefficients) or _FORMULAS[model] == EQUIDISTANT):
        counts = " or ".join(map(str, _COUNTS[model]))
        raise ValueError(
            f"{model or 'no'} distortion: expected {counts} coefficients, found {len(coefficients)}; correct "
            "distortion_model or d of the camera_info"
        )
    if any(coefficients[COEFFICIENTS:]):
        raise ValueError(
            f"{model} distortion: expected an untilted sensor (the last two of 14 coefficients 0), found "
            f"{list(coefficients[COEFFICIENTS:])}; calibrate without the tilted model, or rectify the images"
        )
