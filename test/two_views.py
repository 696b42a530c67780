"""A room seen by a depth camera and a colour camera, exactly: a slanted wall and two cards in front of it."""

import json

import cv2
import numpy as np

WALL = np.array([0.15, -0.1, 1.0]), 2.6  # normal and distance, in the depth camera's coordinates
CARDS = ((-0.55, -0.35, 0.25, 0.3, 1.4), (0.3, -0.2, 0.7, 0.6, 1.9))  # left, top, right, bottom, depth: metres
COLOURS = np.array([(70, 90, 150), (200, 160, 60), (60, 170, 90)], np.uint8)


def seen(camera, pose=None):
    """Depth (float32 metres) and colour (uint8 RGB) of a camera; `pose` takes the depth camera's points to its own."""
    pose = np.eye(4) if pose is None else pose
    rays = np.concatenate([camera.rays(), np.ones((*camera.size, 1))], axis=-1)
    turned, origin = rays @ pose[:3, :3], -pose[:3, :3].T @ pose[:3, 3]
    depth = (WALL[1] - origin @ WALL[0]) / (turned @ WALL[0])
    surface = np.zeros(camera.size, int)
    for number, (left, top, right, bottom, z) in enumerate(CARDS, 1):
        far = (z - origin[2]) / turned[..., 2]
        x, y = (origin[k] + far * turned[..., k] for k in (0, 1))
        hit = (x > left) & (x < right) & (y > top) & (y < bottom) & (far < depth)
        depth[hit], surface[hit] = far[hit], number
    grain = np.random.default_rng(0).integers(-4, 5, (*camera.size, 1))
    return depth.astype(np.float32), np.clip(COLOURS[surface] + grain, 0, 255).astype(np.uint8)


def described(camera):
    """A camera as calibration.json has it."""
    i = camera.intrinsics
    known = {"width": i.width, "height": i.height, "fx": i.fx, "fy": i.fy, "cx": i.cx, "cy": i.cy}
    if camera.lens.coefficients:
        known |= {"distortion_model": camera.lens.model, "distortion": list(camera.lens.coefficients)}
    return known


def write_folder(folder, depth_camera, colour_camera, pose, count=1, unit=0.001):
    """rgb/, depth/ and calibration.json; returns the colour camera's exact depth."""
    for name in ("rgb", "depth"):
        (folder / name).mkdir(parents=True)
    raw, (truth, rgb) = seen(depth_camera)[0], seen(colour_camera, pose)
    for number in range(count):
        cv2.imwrite(str(folder / "rgb" / f"{number:03d}.png"), rgb[..., ::-1])
        cv2.imwrite(str(folder / "depth" / f"{number:03d}.png"), np.round(raw / unit).astype(np.uint16))
    known = {"colour_camera": described(colour_camera), "depth_camera": described(depth_camera)}
    known["depth_to_colour"] = {"R": pose[:3, :3].tolist(), "t_m": pose[:3, 3].tolist()}
    (folder / "calibration.json").write_text(json.dumps(known))
    return truth
