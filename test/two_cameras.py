"""Cameras, motions and depth images for the tests of registration: nothing in them is square, centred or even."""

import numpy as np

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.lens import Lens

DEPTH = Camera(Intrinsics(61, 47, 55.3, 57.9, 28.37, 24.61))
COLOUR = Camera(Intrinsics(149, 101, 121.7, 118.2, 77.43, 47.29))
LENSES = {
    "pinhole": (Lens(), Lens()),
    "plumb_bob": (Lens(), Lens("plumb_bob", (-0.12, 0.03, 0.001, -0.002, 0.0))),
    "rational_polynomial": (
        Lens("rational_polynomial", (0.5, -2.7, 0.0005, -0.0003, 1.6, 0.38, -2.5, 1.5)),
        Lens("plumb_bob", (0.08, -0.05, 0.0005, -0.0003, 0.01)),
    ),
    "equidistant": (Lens("equidistant", (0.02, -0.01, 0.003, -0.001)), Lens("equidistant", (0.01, 0.02, 0.0, 0.0))),
}


def with_lens(camera, lens):
    return Camera(camera.intrinsics, lens)


def motion(x=0.0, y=0.0, z=0.0, turn=(0.0, 0.0, 0.0)):
    """4x4 matrix of a translation in metres and a rotation vector in radians."""
    import cv2

    matrix = np.eye(4)
    matrix[:3, :3] = cv2.Rodrigues(np.array(turn, float))[0]
    matrix[:3, 3] = x, y, z
    return matrix


def plane(camera, normal, distance):
    """Depth of the plane normal . point = distance as a camera sees it, float64."""
    rays = camera.rays()
    return distance / (rays[..., 0] * normal[0] + rays[..., 1] * normal[1] + normal[2])


def moved_plane(normal, distance, to_colour):
    """The same plane in the colour camera's coordinates."""
    turned = to_colour[:3, :3] @ normal
    return turned, distance + turned @ to_colour[:3, 3]


def boxes(camera, seed, holes=0.05):
    """A slanted wall with boxes in front of it, noise and drop-outs, float32."""
    rng = np.random.default_rng(seed)
    height, width = camera.size
    depth = plane(camera, np.array([0.2, -0.15, 1.0]), 2.9)
    for _ in range(4):
        y, x = rng.integers(0, height - 8), rng.integers(0, width - 8)
        depth[y : y + rng.integers(4, 15), x : x + rng.integers(4, 15)] = rng.uniform(0.9, 2.1)
    depth += rng.normal(0, 0.002, depth.shape)
    depth[rng.random(depth.shape) < holes] = np.nan
    return depth.astype(np.float32)


def flipped(camera, horizontally, vertically):
    """A camera whose image is mirrored."""
    i = camera.intrinsics
    cx = i.width - 1 - i.cx if horizontally else i.cx
    cy = i.height - 1 - i.cy if vertically else i.cy
    return Camera(Intrinsics(i.width, i.height, i.fx, i.fy, cx, cy), camera.lens)


def transposed(camera):
    """A camera whose rows are columns; for lenses that are the same around their axis."""
    i = camera.intrinsics
    return Camera(Intrinsics(i.height, i.width, i.fy, i.fx, i.cy, i.cx), camera.lens)


def mirrored_motion(matrix, mirror):
    """The motion between mirrored cameras; `mirror` is the (3, 3) matrix of the mirror."""
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = mirror @ matrix[:3, :3] @ mirror, mirror @ matrix[:3, 3]
    return result


def positions(depth, camera, to_colour):
    """Points (n, 3) that an image measures, in the colour camera's coordinates."""
    points = np.concatenate([camera.rays(), np.ones((*camera.size, 1))], axis=-1) * depth[..., None].astype(float)
    points = points[np.isfinite(points).all(axis=-1)]
    return points @ to_colour[:3, :3].T + to_colour[:3, 3]
