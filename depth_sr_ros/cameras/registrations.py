"""Registrations of the last few combinations of cameras: each is prepared once, and frames find it ready."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.grids import Size
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions

KEPT = 4
"""Registrations that are kept; tables and buffers of one take some ten bytes per pixel."""


class Registrations:
    """Prepares registrations and keeps the last ones. Used from one thread at a time.

    Args:
        options: how depth is registered.
    """

    def __init__(self, options: RegistrationOptions) -> None:
        self._options = options
        self._kept: OrderedDict[Hashable, Registration] = OrderedDict()

    def between(self, cameras: Calibration) -> Registration:
        """Registers depth of a camera of its own.

        Args:
            cameras: both cameras and how they are related.

        Raises:
            ValueError: no rigid motion, cameras that see nothing in common, or no depth camera.
        """
        depth, colour, motion = cameras.depth, cameras.colour, cameras.depth_to_colour
        if depth is None or motion is None:
            raise ValueError("registration: expected a depth camera and depth_to_colour, found the colour camera alone")
        key = depth, colour, motion.tobytes()
        return self._kept_or(key, lambda: Registration(depth, colour, motion, self._options))

    def identity(self, depth: Size, colour: Size, camera: Camera | None = None) -> Registration:
        """Takes depth that is registered already to the colour image's pixels.

        Args:
            depth: (height, width) of the depth images.
            colour: (height, width) of the colour images.
            camera: the colour camera, where it is known.
        """
        key = depth, colour, camera
        return self._kept_or(key, lambda: Registration.identity(depth, colour, camera, self._options))

    def _kept_or(self, key: Hashable, make: Callable[[], Registration]) -> Registration:
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
