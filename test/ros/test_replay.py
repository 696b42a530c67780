"""Recordings replayed by the command, received over real DDS by another process."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from probe import Child, Probe
from sensor_msgs.msg import CameraInfo

from depth_sr_ros.cameras.camera import Intrinsics, intrinsics_of
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.ros.conversions import ImageDecoder, stamp_ns

pytestmark = pytest.mark.dds

CAMERA = Intrinsics(64, 48, 50.0, 51.0, 30.5, 24.25)
START, STEP, COUNT = 1_700_000_000_000_000_000, 50_000_000, 6
RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (COUNT, 48, 64, 3), dtype=np.uint8)
DEPTH = RNG.integers(500, 4000, (COUNT, 48, 64), dtype=np.uint16)


@pytest.fixture
def bag(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        for index in range(COUNT):
            stamp = START + index * STEP
            writer.write_camera_info("/camera/color/camera_info", stamp, "lens", CAMERA)
            writer.write_image("/camera/color/image_raw", stamp, "lens", COLOUR[index], "rgb8")
            writer.write_image("/camera/depth_registered/image_raw", stamp, "lens", DEPTH[index], "16UC1")
    return tmp_path / "bag"


@pytest.fixture
def folder(tmp_path):
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    for index in range(COUNT):
        cv2.imwrite(str(tmp_path / "rgb" / f"{index}.png"), COLOUR[index, ..., ::-1])
        cv2.imwrite(str(tmp_path / "depth" / f"{index}.png"), DEPTH[index])
    camera = {"width": 64, "height": 48, "fx": 50.0, "fy": 51.0, "cx": 30.5, "cy": 24.25, "rate_hz": 20}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    return tmp_path


class Listener:
    """What arrives on the four topics."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.rgb, self.depth = probe.listen("rgb/image"), probe.listen("depth_raw/image")
        self.rgb_info = probe.listen("rgb/camera_info", CameraInfo)
        self.depth_info = probe.listen("depth_raw/camera_info", CameraInfo)

    def replay(self, source, *options: str) -> Child:
        for received in (self.rgb, self.depth, self.rgb_info, self.depth_info):
            received.clear()
        namespace = ("--ros-args", "-r", f"__ns:={self.probe.namespace}")
        return Child("-m", "depth_sr_ros.commands.main", "replay", str(source), "--wait-s", "20", *options, *namespace)

    def complete(self) -> bool:
        return all(len(r) >= COUNT for r in (self.rgb, self.depth, self.rgb_info, self.depth_info))


@pytest.fixture(scope="module")
def listener(probe):
    return Listener(probe)


def test_a_bag_arrives_with_its_pixels_stamps_and_cameras(listener, bag):
    replay = listener.replay(bag)
    listener.probe.spin_until(listener.complete, what="all images")
    decoder = ImageDecoder()
    np.testing.assert_array_equal([decoder.colour(message) for message in listener.rgb], COLOUR)
    np.testing.assert_allclose([decoder.depth(message) for message in listener.depth], DEPTH / 1000, rtol=1e-6)
    expected = [START + index * STEP for index in range(COUNT)]
    for received in (listener.rgb, listener.depth, listener.rgb_info, listener.depth_info):
        assert [stamp_ns(message) for message in received] == expected
        assert {message.header.frame_id for message in received} == {"lens"}
    assert {m.encoding for m in listener.depth} == {"16UC1"}
    assert intrinsics_of(listener.rgb_info[0]) == intrinsics_of(listener.depth_info[0]) == CAMERA
    assert replay.process.wait(20) == 0


def test_a_folder_can_be_made_coarse(listener, folder):
    replay = listener.replay(folder, "--reduce", "8")
    listener.probe.spin_until(listener.complete, what="all images")
    assert {(m.width, m.height) for m in listener.depth} == {(8, 6)}
    assert {(m.width, m.height) for m in listener.rgb} == {(64, 48)}
    assert intrinsics_of(listener.depth_info[0]) == CAMERA.resized(8, 6)
    assert replay.process.wait(20) == 0


def test_a_loop_has_rising_stamps_of_the_present_until_interrupted(listener, folder):
    replay = listener.replay(folder, "--loop", "--speed", "4")
    listener.probe.spin_until(lambda: len(listener.depth) > 3 * COUNT, what="three rounds")
    assert replay.stop() == 0
    replay.wait_for("replayed")
    stamps = np.array([stamp_ns(message) for message in listener.depth])
    assert (np.diff(stamps) > 0).all()
    assert stamps[0] > START
    np.testing.assert_allclose(np.median(np.diff(stamps)), STEP / 4, rtol=0.01)


def test_the_rate_can_be_chosen(listener, folder):
    replay = listener.replay(folder, "--rate-hz", "40", "--stamps", "now")
    listener.probe.spin_until(listener.complete, what="all images")
    assert stamp_ns(listener.depth[-1]) - stamp_ns(listener.depth[0]) == pytest.approx((COUNT - 1) * 1e9 / 40, rel=1e-3)
    assert replay.process.wait(20) == 0


def test_a_damaged_frame_is_counted_and_skipped(listener, folder):
    (folder / "depth" / "2.png").write_bytes(b"no image")
    replay = listener.replay(folder)
    replay.wait_for("1 unreadable")
    listener.probe.spin_until(lambda: len(listener.rgb) == COUNT, what="all colour images")
    assert len(listener.depth) == COUNT - 1
    assert replay.process.wait(20) == 1
