"""A depth camera of its own, beside a colour camera, at the real node over DDS: registered in the frame, or refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from probe import Probe, assert_ends_cleanly, find, stamp, start_node
from rcl_interfaces.msg import ParameterType, ParameterValue
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from switching import set_values
from two_cameras import COLOUR, DEPTH, LENSES, motion, with_lens
from two_views import seen

from depth_sr_ros.cameras.calibration import Calibration, extrinsics
from depth_sr_ros.cameras.camera import Camera
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.ros.conversions import ImageDecoder, stamp_ns, to_camera_info, to_depth_message, to_image_message
from depth_sr_ros.upsampler import Upsampler

pytestmark = [pytest.mark.dds, pytest.mark.timeout(240)]

GIVEN = [-0.05, 0.0, 0.0, 0.0, 0.01, 0.0, 0.99995]
POSE = extrinsics(GIVEN)
DEPTH_LENS, COLOUR_LENS = LENSES["rational_polynomial"]
TOF, RGB = with_lens(DEPTH, DEPTH_LENS), with_lens(COLOUR, COLOUR_LENS)


def info_of(camera: Camera, frame: str) -> CameraInfo:
    info = to_camera_info(camera.intrinsics, Header(frame_id=frame))
    info.distortion_model, info.d = camera.lens.model, list(camera.lens.coefficients)
    return info


class TwoCameras:
    """Drivers of a colour camera and of a depth camera beside it."""

    def __init__(self, probe: Probe) -> None:
        self.probe, qos = probe, QoSProfile(depth=5)
        topics = ("rgb/image", Image), ("depth_raw/image", Image), ("rgb/camera_info", CameraInfo), (
            "depth_raw/camera_info", CameraInfo,
        )  # fmt: skip
        self.publishers = [probe.node.create_publisher(kind, topic, qos) for topic, kind in topics]
        self.outputs = probe.listen("depth/upsampled")
        self.infos = probe.listen("depth/camera_info", CameraInfo)
        self.raw, self.rgb = seen(TOF)[0], seen(RGB, POSE)[1]
        self.good()

    def good(self) -> None:
        self.info = [info_of(RGB, "colour"), info_of(TOF, "tof")]

    def send(self) -> int:
        at = self.probe.next_stamp()
        for publisher, info in zip(self.publishers[2:], self.info, strict=True):
            if info is not None:
                publisher.publish(info)
        self.publishers[0].publish(to_image_message(self.rgb, "rgb8", Header(stamp=stamp(at), frame_id="colour")))
        self.publishers[1].publish(to_depth_message(self.raw, "16UC1", Header(stamp=stamp(at), frame_id="tof")))
        return at

    def until_served(self) -> Image:
        """Sends pairs until one comes through that was sent after this call; its output."""

        def served() -> Image | None:
            at = self.send()
            self.probe.spin_for(0.5, until=lambda: find(self.outputs, at) is not None)
            return find(self.outputs, at)

        return self.probe.spin_until(served, what="an output")

    def until_told(self, words: str, level: bytes = DiagnosticStatus.ERROR) -> None:
        def told() -> bool:
            self.send()
            self.probe.spin_for(0.2)
            status = self.probe.diagnostics.get("message/stream", "")
            return self.probe.levels.get("stream") == level and re.search(words, status) is not None

        self.probe.spin_until(told, what=f"{level!r} {words}")


def numbers(values: list[float]) -> ParameterValue:
    return ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=values)


@pytest.fixture(scope="module")
def node(probe):
    child = start_node(probe.namespace, silence_after=0.6, threads=1)
    yield child
    assert_ends_cleanly(child)


@pytest.fixture(scope="module")
def two(node, probe):
    return TwoCameras(probe)


@pytest.fixture
def given(two):
    """The node is told how the depth camera stands, by its parameter."""
    assert set_values(two.probe, depth_to_colour=numbers(GIVEN))[0].successful


@pytest.fixture
def not_given(two):
    assert set_values(two.probe, depth_to_colour=numbers([0.0] * 7))[0].successful


def test_is_registered_as_by_the_python_api_with_the_camera_of_colour(two, given):
    message = two.until_served()
    assert message.header.frame_id == "colour"
    metres = to_metres(np.where(np.isfinite(two.raw), np.round(two.raw * 1000), 0).astype(np.uint16), "16UC1")
    expected = Upsampler(threads=1)(two.rgb, metres, Calibration(RGB, TOF, POSE)).depth
    np.testing.assert_array_equal(ImageDecoder().depth(message), expected)
    truth = seen(RGB, POSE)[0]
    assert np.nanmean(np.abs(expected - truth)) < 0.02
    info = two.probe.spin_until(lambda: find(two.infos, stamp_ns(message)), what="camera_info")
    assert (info.width, info.height, info.k[0]) == (149, 101, pytest.approx(RGB.intrinsics.fx))
    assert (info.distortion_model, tuple(info.d)) == (RGB.lens.model, RGB.lens.coefficients)
    assert "registered by depth_to_colour" in two.probe.new_report()["notes"]


def _no_depth_info(two):
    two.info[1] = None


def _no_colour_info(two):
    two.info[0] = None


def _zero(two):
    two.info[1].k[0] = two.info[1].k[4] = 0.0


def _strange(two):
    two.info[0].distortion_model, two.info[0].d = "fov", [0.9]


def _larger(two):
    two.info[1] = info_of(TOF.resized(122, 94), "tof")


BAD = {
    "K of zero": (_zero, "depth_raw/camera_info: .*expected a calibrated camera with a size", "unregistered"),
    "unknown lens": (_strange, "rgb/camera_info: .*distortion model: expected one of", "unregistered"),
    "another size": (_larger, "expected a camera_info of the image's size, 61x47, found one of 122x94", "size"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_an_error_without_output_and_the_node_lives(two, node, given, case):
    spoil, words, cause = BAD[case]
    two.until_served()
    before = int(two.probe.new_report().get(f"dropped/{cause}", 0))
    spoil(two)
    two.until_told(words)
    assert all(way in two.probe.diagnostics["message/stream"] for way in ("/tf_static", "depth_to_colour"))
    two.outputs.clear()
    for _ in range(3):
        two.send()
        two.probe.spin_for(0.1)
    assert not two.outputs
    assert int(two.probe.new_report()[f"dropped/{cause}"]) > before
    node.wait_for(rf"a frame is skipped \({cause}\)")
    two.good()
    two.until_served()
    two.probe.spin_until(lambda: two.until_served() and two.probe.levels["stream"] != DiagnosticStatus.ERROR)


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ([0.0, 0.0, -30.0, 0.0, 0.0, 0.0, 1.0], "in front of the colour camera, found all of it behind"),
        ([500.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0], "expected the depth camera's view to meet the colour image"),
    ],
    ids=["all behind", "another view"],
)
def test_extrinsics_that_show_nothing_are_an_error_without_output(two, moved, words, given):
    two.until_served()
    assert set_values(two.probe, depth_to_colour=numbers(moved))[0].successful
    two.until_told(f"pairs arrive but all are refused: .*{words}")
    assert two.probe.diagnostics["silence"] == "refused/no_overlap"


def test_without_extrinsics_nothing_is_served_until_they_are_given(two, node, not_given):
    two.until_told("is not registered: the cameras' views differ.*; say how the depth camera stands")
    told = two.probe.diagnostics["message/stream"]
    assert "on /tf_static, found no way to read /tf_static here, since tf2_msgs is not installed" in told
    assert all(way in told for way in ("publish or record /tf_static", "depth_to_colour", "calibration.json"))
    two.outputs.clear()
    two.send()
    two.probe.spin_for(0.5)
    assert not two.outputs
    assert set_values(two.probe, depth_to_colour=numbers(GIVEN))[0].successful
    two.until_served()


def test_a_motion_that_is_none_is_refused_at_once(two):
    (answer,) = set_values(two.probe, depth_to_colour=numbers([0.1] + [0.0] * 6))
    assert not answer.successful and "expected a rotation" in answer.reason


def test_sizes_that_change_mid_stream_are_served_with_their_camera_info_and_not_before(two, given):
    two.until_served()
    small = TOF.resized(31, 24)
    two.raw = seen(small)[0]
    two.until_told("camera_info of the image's size, 31x24, found one of 61x47")
    two.info[1] = info_of(small, "tof")
    message = two.until_served()
    assert (message.width, message.height) == (149, 101)
    two.raw = seen(TOF)[0]
    two.good()
    two.until_served()


@pytest.mark.parametrize("missing", [_no_depth_info, _no_colour_info], ids=["depth", "colour"])
def test_a_camera_info_on_one_side_only_is_an_error(side, missing):
    """A node of its own, since one that has heard a camera_info keeps it."""
    node = start_node(side.namespace, depth_to_colour=str(GIVEN), threads=1)
    two = TwoCameras(side)
    missing(two)
    two.until_told("expected a camera_info of both, found none for")
    assert not two.outputs and int(two.probe.new_report()["frames_out"]) == 0
    assert not node.find("Traceback")
    two.good()
    two.until_served()
    assert_ends_cleanly(node)


def test_a_camera_info_that_is_merely_late_raises_no_alarm(side):
    node = start_node(side.namespace, depth_to_colour=str(GIVEN), threads=1)
    two = TwoCameras(side)
    two.info = [None, None]
    levels = []

    def waits() -> int:
        two.send()
        side.spin_for(0.1)
        levels.append(side.levels.get("stream"))
        return int(side.diagnostics.get("dropped/awaiting_cameras", 0))

    side.spin_until(waits, what="the first frames to wait")
    two.good()
    two.until_served()
    assert DiagnosticStatus.ERROR not in levels and not node.find("a frame is skipped")
    assert_ends_cleanly(node)


def test_assumed_registered_is_served_at_any_aspect_ratio(side):
    node = start_node(side.namespace, assume_registered=True, threads=1)
    message = TwoCameras(side).until_served()
    assert (message.width, message.height) == (149, 101)
    assert_ends_cleanly(node)


def test_coverage_that_falls_is_a_warning_with_its_cause(side):
    aside = motion(turn=(0.0, 0.35, 0.0))
    node = start_node(side.namespace, depth_to_colour="[0.0, 0.0, 0.0, 0.0, 0.174108, 0.0, 0.984727]", threads=1)
    two = TwoCameras(side)
    two.rgb = seen(RGB, aside)[1]
    two.until_told("coverage falls from 100% .*lies outside the depth camera's", DiagnosticStatus.WARN)
    node.wait_for("coverage falls from")
    assert two.outputs
    assert_ends_cleanly(node)


def test_what_is_out_of_range_is_left_out(side):
    node = start_node(side.namespace, depth_to_colour=str(GIVEN), depth_max=1.7, threads=1)
    depth = ImageDecoder().depth(TwoCameras(side).until_served())
    assert 1.0 < np.nanmax(depth) < 1.75 and np.isnan(depth).any()
    assert_ends_cleanly(node)
