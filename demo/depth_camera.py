"""The demo's depth camera: 5 cm beside the colour camera, tilted, with a lens of its own."""

from __future__ import annotations

import math

from depth_sr_ros.cameras.calibration import extrinsics
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.lens import Lens

DEPTH_CAMERA = Camera(
    Intrinsics(208, 148, 285.0, 285.0, 102.9, 79.2), Lens("plumb_bob", (-0.25, 0.08, 0.001, -0.0005, 0.0))
)
"""The depth camera: 3.5 colour pixels per depth pixel along a line."""

_TILT = math.radians(2.0)  # further down than the colour camera

PLACE = (0.05, -0.004, 0.003, -math.sin(_TILT / 2), 0.0, 0.0, math.cos(_TILT / 2))
"""How it stands to the colour camera: [x, y, z, qx, qy, qz, qw], as the node's parameter `depth_to_colour`."""

DEPTH_TO_COLOUR = extrinsics(PLACE)
"""The same as a matrix."""
