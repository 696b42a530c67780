import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from rosbags.highlevel import AnyReader

from depth_sr_ros.cameras.camera import camera_of
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.recording import RecordingError
from training.extraction.bag_pairs import Bag
from training.extraction.make_bag import (
    COLOUR_INFO,
    COLOUR_TOPIC,
    DEPTH_INFO,
    DEPTH_TOPIC,
    START_NS,
    BagRequest,
    make_bag,
)

CAMERA = {"width": 64, "height": 48, "fx": 60.0, "fy": 60.0, "cx": 31.5, "cy": 23.5}


@pytest.fixture
def folder(tmp_path, scene):
    """Five images, registered depth and camera.json."""
    for name in ("rgb", "depth"):
        (tmp_path / "images" / name).mkdir(parents=True)
    for number in range(5):
        rgb, depth = scene.frame(number * 2.0)
        cv2.imwrite(str(tmp_path / "images" / "rgb" / f"{number:03d}.jpg"), rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / "images" / "depth" / f"{number:03d}.png"), depth)
    (tmp_path / "images" / "camera.json").write_text(json.dumps({**CAMERA, "rate_hz": 10}))
    return tmp_path / "images"


@pytest.mark.parametrize("storage", ["mcap", "db3"])
@pytest.mark.parametrize("compressed", [False, True])
def test_images_become_a_bag_that_reads_back_the_same(folder, tmp_path, scene, storage, compressed):
    made = make_bag(folder, tmp_path / "bag", BagRequest(storage=storage, compressed=compressed))
    assert made.pairs == 5 and (tmp_path / "bag" / f"bag.{storage}").is_file()
    bag = Bag(tmp_path / "bag")
    pairs = list(bag.pairs())
    end = ("/compressed", "/compressedDepth") if compressed else ("", "")
    assert bag.topics == {"colour": f"/rgb/image{end[0]}", "depth": f"/depth_raw/image{end[1]}"}
    assert [p.stamps_ns[0] for p in pairs] == [START_NS + n * 100_000_000 for n in range(5)]
    assert pairs[0].colour_camera == pairs[0].depth_camera == scene.CAMERA and bag.to_colour is None
    for number, pair in enumerate(pairs):
        file = folder / "rgb" / f"{number:03d}.jpg"
        np.testing.assert_array_equal(pair.rgb, cv2.imread(str(file))[..., ::-1])
        assert pair.jpeg == (file.read_bytes() if compressed else None)
        np.testing.assert_array_equal(np.nan_to_num(pair.depth) * 1000 > 1, scene.frame(number * 2.0)[1] > 0)


def test_a_part_of_the_images(folder, tmp_path):
    assert make_bag(folder, tmp_path / "bag", BagRequest(first=1, count=3)).pairs == 3
    assert [p.stamps_ns[0] for p in Bag(tmp_path / "bag").pairs()] == [START_NS + n * 100_000_000 for n in (1, 2, 3)]
    with pytest.raises(RecordingError, match="expected images from number 9 on, found 5 in all"):
        make_bag(folder, tmp_path / "none", BagRequest(first=9))
    assert not (tmp_path / "none").exists()


def test_file_names_that_are_times_stay_stamps(folder, tmp_path):
    for name, suffix in (("rgb", "jpg"), ("depth", "png")):
        for number in range(5):
            (folder / name / f"{number:03d}.{suffix}").rename(folder / name / f"1700000123.{number}00000.{suffix}")
    make_bag(folder, tmp_path / "bag")
    assert next(Bag(tmp_path / "bag").pairs()).stamps_ns == (1_700_000_123_000_000_000,) * 2


def test_a_depth_camera_of_its_own_gets_camera_info_and_transform(folder, tmp_path):
    (folder / "camera.json").unlink()
    (folder / "depth").rename(folder / "depth_own")
    known = {"R": np.eye(3).tolist(), "t_m": [-0.025, 0.003, 0.0]}
    own = {**CAMERA, "fx": 55.0, "fy": 55.0}
    calibration = {"colour_camera": CAMERA, "depth_camera": own, "depth_to_colour": known}
    (folder / "calibration.json").write_text(json.dumps(calibration))
    make_bag(folder, tmp_path / "bag", BagRequest(depth="depth_own"))
    bag = Bag(tmp_path / "bag")
    np.testing.assert_allclose(bag.to_colour[:3, 3], known["t_m"], atol=1e-12)
    pair = next(bag.pairs())
    assert pair.colour_camera.fx == 60.0 and pair.depth_camera == pair.colour_camera.resized(59, 44)


def test_a_lens_reaches_the_camera_info(folder, tmp_path):
    (folder / "camera.json").unlink()
    lens = {"distortion_model": "rational_polynomial", "distortion": [0.1, 0.2, 0, 0, 0.3, 0.4, 0.5, 0.6]}
    (folder / "calibration.json").write_text(json.dumps({"colour_camera": CAMERA | lens}))
    make_bag(folder, tmp_path / "bag")
    with AnyReader([tmp_path / "bag"]) as reader:
        (connection,) = [c for c in reader.connections if c.topic == "/rgb/camera_info"]
        info = reader.deserialize(next(reader.messages([connection]))[2], connection.msgtype)
    assert camera_of(info).lens == Lens(lens["distortion_model"], tuple(lens["distortion"]))


def test_depth_of_a_camera_that_is_not_known_is_refused(folder, tmp_path):
    (folder / "depth").rename(folder / "depth_own")
    (folder / "calibration.json").write_text(json.dumps({"colour_camera": CAMERA}))
    with pytest.raises(RecordingError, match="depth_own/ is not registered by its name: expected depth_camera"):
        make_bag(folder, tmp_path / "bag", BagRequest(depth="depth_own"))


@pytest.mark.parametrize("content", ["{", "{}", '{"colour_camera": {}, "depth_camera": {}, "depth_to_colour": {}}'])
def test_a_calibration_that_is_none_is_refused(folder, tmp_path, content):
    (folder / "calibration.json").write_text(content)
    with pytest.raises(RecordingError, match="calibration.json: expected colour_camera, depth_camera"):
        make_bag(folder, tmp_path / "bag")


def test_without_calibration_it_says_so(folder, tmp_path):
    (folder / "camera.json").unlink()
    (note,) = make_bag(folder, tmp_path / "bag").notes
    assert "no intrinsics, so no camera_info" in note


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "rgb").mkdir()
    with pytest.raises(RecordingError, match="expected rgb/"):
        make_bag(tmp_path, tmp_path / "bag")


def test_an_unreadable_image_leaves_no_bag(folder, tmp_path):
    (folder / "rgb" / "003.jpg").write_bytes(b"no image")
    with pytest.raises(FrameError, match="003.jpg"):
        make_bag(folder, tmp_path / "bag")
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


@pytest.mark.parametrize("method", ["write_image", "_write", "close"])
def test_a_full_disk_leaves_no_bag(folder, tmp_path, monkeypatch, method):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = BagWriter if method != "close" else __import__("rosbags.rosbag2").rosbag2.Writer
    monkeypatch.setattr(target, method, full)
    with pytest.raises(OSError, match="No space left"):
        make_bag(folder, tmp_path / "bag")
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


REAL = [
    ("kinect_redkitchen", BagRequest("depth_raw_depthcam", compressed=True, count=4), (480, 640), 0.6),
    ("kinect_redkitchen", BagRequest("depth_registered", "db3", count=3), (480, 640), 0.6),
    ("realsense_tabletop", BagRequest(storage="db3", count=2), (720, 1280), 0.95),
    ("xtion_sun3d", BagRequest(), (480, 640), 0.7),
]


@pytest.mark.parametrize(
    ("name", "request_", "shape", "valid"), REAL, ids=["kinect", "kinect registered", "realsense", "xtion"]
)
def test_real_recordings_become_bags(shared_data, tmp_path, name, request_, shape, valid):
    made = make_bag(shared_data / "recordings" / name, tmp_path / name, request_)
    bag = Bag(tmp_path / name)
    pairs = list(bag.pairs())
    assert len(pairs) == made.pairs == (request_.count or 5) and not bag.report.unusable
    assert (bag.to_colour is not None) == (request_.depth == "depth_raw_depthcam")
    for pair in pairs:
        assert pair.rgb.shape[:2] == pair.depth.shape == shape and pair.colour_camera is not None
        assert np.isfinite(pair.depth).mean() > valid


def test_what_the_documentation_records_is_what_bags_have_and_the_node_hears():
    root = Path(__file__).parents[3]
    profiles = yaml.safe_load((root / "config" / "record_qos.yaml").read_text())
    assert set(profiles) == {COLOUR_TOPIC, COLOUR_INFO, DEPTH_TOPIC, DEPTH_INFO, "/tf_static"}
    command = (root / "docs" / "bags.md").read_text().split("```")[3]
    assert all(f" {topic}" in command for topic in profiles) and "config/record_qos.yaml" in command
    launch = (root / "launch" / "sr.launch.py").read_text()
    assert all(f'("{topic[1:]}"' in launch for topic in profiles if topic != "/tf_static")
    for profile in profiles.values():
        assert profile["reliability"] in ("reliable", "best_effort") and profile["history"] == "keep_last"
        assert profile["durability"] in ("volatile", "transient_local") and profile["depth"] >= 30
