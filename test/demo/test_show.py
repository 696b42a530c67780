"""Which recordings are shown how."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, LENSES, motion, with_lens
from two_views import described, seen

from demo.show import REDUCTION, open_show
from depth_sr_ros.recordings.bag_writer import BagWriter

LENS_DEPTH, LENS_COLOUR = (
    with_lens(*pair) for pair in zip((DEPTH, COLOUR), LENSES["rational_polynomial"], strict=True)
)
POSE = motion(x=-0.05, turn=(0.02, 0, 0))
RAW, RGB = np.round(seen(DEPTH)[0] * 1000).astype(np.uint16), seen(COLOUR, POSE)[1]
CALIBRATION = {
    "colour_camera": described(LENS_COLOUR), "depth_camera": described(LENS_DEPTH),
    "depth_to_colour": {"R": POSE[:3, :3].tolist(), "t_m": POSE[:3, 3].tolist()},
}  # fmt: skip


def write_bag(path, transforms=True, infos=True):
    with BagWriter(path) as bag:
        if transforms:
            bag.write_static_transform(0, "colour", "tof", POSE)
        for topic, frame, camera, pixels, encoding in (
            ("/rgb", "colour", LENS_COLOUR, RGB, "rgb8"), ("/depth_raw", "tof", LENS_DEPTH, RAW, "16UC1")
        ):  # fmt: skip
            if infos:
                bag.write_camera_info(f"{topic}/camera_info", 0, frame, camera.intrinsics, camera.lens)
            bag.write_image(f"{topic}/image", 0, frame, pixels, encoding)
    return path


def write_folder(path, depth):
    for name, pixels in (("rgb", RGB[..., ::-1]), ("depth", depth)):
        (path / name).mkdir(parents=True)
        cv2.imwrite(str(path / name / "0.png"), pixels)
    return path


def assert_raw(show):
    assert show.cameras is not None and show.reference is None
    np.testing.assert_allclose(show.cameras.depth_to_colour, POSE, atol=1e-6)
    colour, depth = show.published.frames()
    assert (colour.camera, depth.camera) == (LENS_COLOUR, LENS_DEPTH)
    assert depth.intrinsics == LENS_DEPTH.intrinsics
    np.testing.assert_array_equal(depth.load()[0], RAW)


def open_own(path):
    return open_show(path, path / "unused", path / "unused.npy")


def test_a_bags_raw_depth_is_published_with_its_cameras(tmp_path):
    assert_raw(open_own(write_bag(tmp_path / "bag")))


@pytest.mark.parametrize("infos", [True, False])
def test_a_calibration_beside_the_bags_files_says_what_the_bag_does_not(tmp_path, infos):
    bag = write_bag(tmp_path / "bag", transforms=False, infos=infos)
    (bag / "calibration.json").write_text(json.dumps(CALIBRATION))
    assert_raw(open_own(bag))


def test_a_folders_calibration_is_read(tmp_path):
    folder = write_folder(tmp_path / "folder", RAW)
    (folder / "calibration.json").write_text(json.dumps(CALIBRATION | {"rate_hz": 7}))
    show = open_own(folder)
    assert_raw(show)
    assert show.published.rate_hz == 7 and "registered by calibration.json" in show.explanation


def test_raw_depth_without_a_transform_is_published_as_it_is(tmp_path):
    show = open_own(write_bag(tmp_path / "bag", transforms=False))
    assert show.cameras is None and show.reference is None and "no exact depth" in show.explanation


def test_depth_of_the_colours_size_is_reduced_and_judged_by_itself(tmp_path):
    full = np.random.default_rng(0).integers(800, 4000, RGB.shape[:2]).astype(np.uint16)
    show = open_own(write_folder(tmp_path / "folder", full))
    depth = [list(recording.frames())[1].metres() for recording in (show.published, show.reference)]
    assert depth[1].shape == full.shape
    assert depth[0].shape == tuple(-(-size // REDUCTION) for size in full.shape)
    assert show.cameras is None and f"reduced x{REDUCTION}" in show.explanation
