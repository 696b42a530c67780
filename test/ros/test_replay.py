"""Recordings replayed by the command, received over real DDS by another process."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from probe import Child, Probe, assert_ends_cleanly, start_node
from sensor_msgs.msg import CameraInfo, Image
from switching import value_of
from two_cameras import COLOUR as RGB
from two_cameras import DEPTH as TOF
from two_cameras import LENSES, motion, with_lens
from two_views import seen, write_folder

from depth_sr_ros.cameras.calibration import extrinsics
from depth_sr_ros.cameras.camera import Intrinsics, camera_of, intrinsics_of
from depth_sr_ros.cameras.depth import to_millimetres
from depth_sr_ros.cameras.transforms import StaticTransforms
from depth_sr_ros.commands.main import main
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.image_files import FolderRecording, read_depth
from depth_sr_ros.recordings.opening import open_recording
from depth_sr_ros.ros.conversions import ImageDecoder, stamp_ns
from depth_sr_ros.ros.replay_cameras import RecordedCameras, numbers

pytestmark = [pytest.mark.dds, pytest.mark.timeout(240)]

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


def arrived(infos: list[CameraInfo], width: int) -> bool:
    return bool(infos) and infos[-1].width == width


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


POSE = motion(x=-0.05, y=0.01, turn=(0.0, 0.01, 0.005))
LENS_OF_TOF, LENS_OF_RGB = LENSES["rational_polynomial"]


@pytest.fixture
def raw(tmp_path):
    """A depth camera's own images beside colour, both through lenses."""
    write_folder(tmp_path / "raw", with_lens(TOF, LENS_OF_TOF), with_lens(RGB, LENS_OF_RGB), POSE, count=COUNT)
    return tmp_path / "raw"


def raw_bag(path, depth_info=True, edges=None):
    """The same without lenses, as a bag."""
    depth, rgb = seen(TOF)[0], seen(RGB, POSE)[1]
    with BagWriter(path) as bag:
        for parent, child, matrix in [("colour", "tof", POSE)] if edges is None else edges:
            bag.write_static_transform(START, parent, child, matrix)
        for index in range(COUNT):
            stamp = START + index * STEP
            bag.write_camera_info("/rgb/camera_info", stamp, "colour", RGB.intrinsics)
            if depth_info:
                bag.write_camera_info("/depth_raw/camera_info", stamp, "tof", TOF.intrinsics)
            bag.write_image("/rgb/image", stamp, "colour", rgb, "rgb8")
            bag.write_image("/depth_raw/image", stamp, "tof", to_millimetres(depth), "16UC1")
    return path


def test_camera_infos_have_the_lenses_of_both_cameras(listener, raw):
    replay = listener.replay(raw)
    cameras = with_lens(RGB, LENS_OF_RGB), with_lens(TOF, LENS_OF_TOF)
    for received, camera in zip((listener.rgb_info, listener.depth_info), cameras, strict=True):
        listener.probe.spin_until(partial(arrived, received, camera.size[1]), what="camera_info")
        assert camera_of(received[-1]) == camera
    assert replay.process.wait(20) == 0
    told = replay.wait_for("no node with the parameter depth_to_colour subscribes to depth_raw/image; give it")
    given = json.loads(re.search(r"depth_to_colour: (\[.*\])", told)[1])
    np.testing.assert_allclose(extrinsics(given), POSE, atol=1e-12)


def test_depth_that_may_not_be_registered_gets_no_camera_info_of_colour(side, tmp_path):
    listener = Listener(side)
    replay = listener.replay(raw_bag(tmp_path / "raw", depth_info=False, edges=[]))
    listener.probe.spin_until(lambda: len(listener.depth) == COUNT == len(listener.rgb_info), what="all images")
    assert replay.process.wait(20) == 0
    replay.wait_for("expected depth registered to colour; .* is not")
    assert not listener.depth_info


class Served:
    """A node, and what it publishes of what is replayed to it."""

    def __init__(self, probe: Probe, **parameters: object) -> None:
        self.probe, self.outputs = probe, probe.listen("depth/upsampled", Image)
        self.node = start_node(probe.namespace, threads=1, **parameters)
        # so that none of the few frames finds nobody who listens
        probe.spin_until(
            lambda: not probe.diagnostics.get("message/stream", "idle").startswith("idle"), what="a listener"
        )

    def of(self, source, count: int = COUNT) -> list[np.ndarray]:
        """Depth in metres, one image for each frame of the recording."""
        self.outputs.clear()
        namespace = ("--ros-args", "-r", f"__ns:={self.probe.namespace}")
        paced = "--rate-hz", "4", "--stamps", "recorded"
        self.replay = Child(
            "-m", "depth_sr_ros.commands.main", "replay", str(source), "--wait-s", "20", *paced, *namespace
        )
        self.probe.spin_until(lambda: len(self.outputs) >= count, 60, "all outputs")
        assert self.replay.process.wait(20) == 0
        return [ImageDecoder().depth(message) for message in sorted(self.outputs, key=stamp_ns)]

    def motion(self) -> list[float]:
        return list(value_of(self.probe, "depth_to_colour").double_array_value)


def upsampled(source, out) -> list[np.ndarray]:
    assert main(["upsample", str(source), "-o", str(out), "--threads", "1"]) == 0
    return [read_depth(file) for file in sorted(out.glob("*.png"))]


def test_the_node_registers_what_is_replayed_as_upsample_does(side, raw, tmp_path):
    """By the motion that replay hands over: of a folder, then of a bag, and taken back for a registered recording."""
    served = Served(side)
    for source in (raw, raw_bag(tmp_path / "bag")):
        live, offline = served.of(source), upsampled(source, tmp_path / f"out_{source.name}")
        assert len(live) == len(offline) == COUNT
        for one, other in zip(live, offline, strict=True):
            np.testing.assert_array_equal(to_millimetres(one), other)
        served.replay.wait_for(rf"{side.namespace}/depth_sr: depth_to_colour set to")
        np.testing.assert_allclose(extrinsics(served.motion()), POSE, atol=1e-9)
    registered = tmp_path / "registered"
    write_folder(registered, TOF, RGB, POSE, count=COUNT)
    small = RGB.resized(75, 51)
    for file in (registered / "depth").iterdir():
        cv2.imwrite(str(file), to_millimetres(seen(small, POSE)[0]))
    i = RGB.intrinsics
    camera = {"width": i.width, "height": i.height, "fx": i.fx, "fy": i.fy, "cx": i.cx, "cy": i.cy}
    (registered / "calibration.json").unlink()
    (registered / "camera.json").write_text(json.dumps(camera))
    live, offline = served.of(registered), upsampled(registered, tmp_path / "out_registered")
    assert served.motion() == [0.0] * 7
    for one, other in zip(live, offline, strict=True):
        np.testing.assert_array_equal(to_millimetres(one), other)
    assert_ends_cleanly(served.node)


@pytest.fixture
def kinect(tmp_path):
    """Two frames of a real recording: the depth camera's own images and the calibration."""
    where = os.environ.get("DEPTH_SR_TEST_DATA")
    if not where:
        pytest.skip("DEPTH_SR_TEST_DATA is not set: the folder that holds the recording kinect_redkitchen")
    whole = next(p for p in (Path(where), Path(where) / "recordings") if (p / "kinect_redkitchen").is_dir())
    for source, name in (("rgb", "rgb"), ("depth_raw_depthcam", "depth")):
        (tmp_path / "kinect" / name).mkdir(parents=True)
        for file in sorted((whole / "kinect_redkitchen" / source).iterdir())[:2]:
            shutil.copy(file, tmp_path / "kinect" / name)
    shutil.copy(whole / "kinect_redkitchen" / "calibration.json", tmp_path / "kinect")
    return tmp_path / "kinect"


def test_a_real_depth_camera_is_served_alike_by_node_upsample_and_extraction(side, kinect, tmp_path):
    """Node and command to the millimetre; extraction keeps what both filter, the registered measurements."""
    from depth_sr_ros.cameras.registration import MEASURED, Registration
    from depth_sr_ros.live.guided import NOISE_M, NOISE_SHARE
    from training.extraction.bag_pairs import Bag, BagOptions
    from training.extraction.make_bag import BagRequest, make_bag

    served = Served(side)
    live, offline = served.of(kinect, count=2), upsampled(kinect, tmp_path / "out")
    make_bag(kinect, tmp_path / "bag", BagRequest())
    extracted = [pair.depth for pair in Bag(tmp_path / "bag").pairs()]
    assert len(live) == len(offline) == len(extracted) == 2
    evidence = FolderRecording(kinect).evidence()
    options = BagOptions().registration()
    registration = Registration(evidence.depth, evidence.colour, evidence.depth_to_colour, options)
    depth_frames = [frame for frame in FolderRecording(kinect).frames() if frame.stream == "depth"]
    for one, other, taken, frame in zip(live, offline, extracted, depth_frames, strict=True):
        assert one.shape == (480, 640)
        np.testing.assert_array_equal(to_millimetres(one), other)
        assert (np.isfinite(one) == np.isfinite(taken)).mean() > 0.9999
        registered = registration(frame.metres())
        known = np.isfinite(taken)
        assert np.abs(registered.start - taken)[known].max() < 0.001  # what extraction writes, in millimetres
        plain = known & (registered.quality == MEASURED) & (registered.near == registered.far)
        assert plain.mean() > 0.5
        assert (np.abs(one - taken)[plain] <= NOISE_M + NOISE_SHARE * taken[plain] + 0.001).all()
    assert_ends_cleanly(served.node)


def test_the_motion_goes_out_on_tf_static_where_its_messages_can_be_made(monkeypatch, tmp_path):
    module = ModuleType("tf2_msgs.msg")
    module.TFMessage = SimpleNamespace
    monkeypatch.setitem(sys.modules, "tf2_msgs", ModuleType("tf2_msgs"))
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", module)
    sent = []
    now = SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: TransformStamped().header.stamp))
    node = SimpleNamespace(
        create_publisher=lambda kind, topic, qos: (
            sent.append((topic, qos.durability.name)) or SimpleNamespace(publish=sent.append)
        ),
        get_clock=lambda: now,
    )
    RecordedCameras(open_recording(raw_bag(tmp_path / "raw")), lambda text: None).publish(node)
    assert sent[0] == ("/tf_static", "TRANSIENT_LOCAL")
    tree = StaticTransforms()
    tree.add(sent[1])
    np.testing.assert_allclose(tree.between("tof", "colour"), POSE, atol=1e-9)
    np.testing.assert_allclose(extrinsics(numbers(POSE)), POSE, atol=1e-12)
