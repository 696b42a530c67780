"""What a camera of a preset publishes of a room: both images, at a quarter of their sizes, encoded as its driver does.

The room is that of `two_views`: a slanted wall and two cards. Sizes, focal lengths and centres shrink alike, so ratio,
aspect, distortion, place and baseline are the preset's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from two_views import seen

from depth_sr_ros.cameras.calibration import Calibration

SHRINK = 4
_FLAT = 9  # pixels of colour around a depth edge that are left out
_COLOURS = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)]),
    "bgra8": lambda rgb: np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 255, np.uint8)]),
}


@dataclass(frozen=True)
class Published:
    """Images and cameras, and the truth.

    Attributes:
        calibration: of the shrunken images.
        rgb: (H, W, 3) uint8.
        colour: the same in the driver's encoding.
        depth: (h, w) in the driver's encoding and unit.
        metres: (h, w) float32, what these numbers mean.
        truth: (H, W) metres in the colour camera's view.
        judged: (H, W) bool, surfaces that the depth camera sees, away from edges of depth.
    """

    calibration: Calibration
    rgb: np.ndarray
    colour: np.ndarray
    depth: np.ndarray
    metres: np.ndarray
    truth: np.ndarray
    judged: np.ndarray


def published(preset):
    known = preset.calibration
    calibration = Calibration(_smaller(known.colour), _smaller(known.depth), known.depth_to_colour)
    truth, rgb = seen(calibration.colour, calibration.depth_to_colour)
    raw = seen(calibration.depth)[0]
    depth = (raw / preset.unit).astype(np.float32)
    if preset.depth_encoding != "32FC1":
        depth = np.round(depth).astype(np.uint16)
    colour = np.ascontiguousarray(_COLOURS[preset.colour_encoding](rgb))
    judged = _flat(truth) & _seen_by_both(truth, calibration)
    return Published(calibration, rgb, colour, depth, (depth * preset.unit).astype(np.float32), truth, judged)


def worst_error(depth, scene):
    """Error in metres that 95 of 100 judged pixels keep within; infinite where pixels have no value."""
    errors = np.abs(depth - scene.truth)[scene.judged]
    return float(np.percentile(np.where(np.isfinite(errors), errors, np.inf), 95, method="higher"))


def _smaller(camera):
    i = camera.intrinsics
    assert i.width % SHRINK == i.height % SHRINK == 0
    return camera.resized(i.width // SHRINK, i.height // SHRINK)


def _flat(truth):
    kernel = np.ones((_FLAT, _FLAT), np.uint8)
    near, far = cv2.erode(truth, kernel), cv2.dilate(truth, kernel)
    return far - near < 0.1 * truth


def _seen_by_both(truth, calibration):
    """Pixels whose point the depth camera sees, two of its pixels inside its image and not behind a card."""
    rays = np.concatenate([calibration.colour.rays(), np.ones((*truth.shape, 1))], axis=-1)
    back = np.linalg.inv(calibration.depth_to_colour)
    points = (rays * truth[..., None]) @ back[:3, :3].T + back[:3, 3]
    pixels = calibration.depth.project(points)
    height, width = calibration.depth.size
    inside = (pixels > 2).all(axis=-1) & (pixels[..., 0] < width - 3) & (pixels[..., 1] < height - 3)
    x, y = (np.where(inside, np.round(pixels[..., k]), 0).astype(int) for k in (0, 1))
    return inside & (np.abs(seen(calibration.depth)[0][y, x] - points[..., 2]) < 0.1)
