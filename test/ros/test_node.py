"""The running node, over real DDS, with the node in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from probe import COLOUR_SIZE, DEPTH_SIZE, INTRINSICS, SECOND, Camera, assert_ends_cleanly, find, start_node
from sensor_msgs.msg import CameraInfo

from depth_sr_ros.cameras.camera import intrinsics_of
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.ros.conversions import ImageDecoder, stamp_ns, to_camera_info
from depth_sr_ros.ros.latency import STAGES

pytestmark = pytest.mark.dds


@pytest.fixture(scope="module")
def node(probe):
    child = start_node(probe.namespace)
    yield child
    assert_ends_cleanly(child)


@pytest.fixture(scope="module")
def outputs(probe):
    return probe.listen("depth/upsampled")


def test_says_in_one_line_which_engine_runs_and_why(node):
    lines = [node.wait_for("runs on"), *[line for line in node.lines if "runs on" in line]]
    assert len(set(lines)) == 1
    assert "fdkn_live (weights " in lines[0] and "runs on openvino" in lines[0]


@pytest.mark.parametrize("reliable", [True, False], ids=["reliable", "best_effort"])
def test_gives_one_output_per_pair_with_its_stamp(node, probe, outputs, reliable):
    camera = Camera(probe, reliable)
    camera.warm_up(outputs)
    sent = [stamp_ns(camera.send_and_receive(outputs)) for _ in range(20)]
    probe.spin_for(0.3)
    assert [stamp_ns(m) for m in outputs].count(sent[-1]) == 1
    assert [s for s in map(stamp_ns, outputs) if s in sent] == sent
    camera.close()


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_gives_metric_depth_at_the_colour_size_whatever_the_encoding(node, outputs, camera, encoding):
    camera.warm_up(outputs)
    message = camera.send_and_receive(outputs, encoding=encoding)
    depth = ImageDecoder().depth(message)
    assert (message.encoding, message.header.frame_id) == ("32FC1", "camera_colour")
    assert depth.shape == COLOUR_SIZE[::-1]
    assert 0.9 < np.nanmin(depth) < np.nanmax(depth) < 3.0


def test_keeps_the_depth_stamp_when_the_stamps_differ(node, outputs, camera):
    camera.warm_up(outputs)
    message = camera.send_and_receive(outputs, depth_delay_ns=7_000_000)
    assert stamp_ns(message) % (SECOND // 10) == 7_000_000


def test_valid_marks_what_is_finite_in_the_depth(node, probe, outputs, camera):
    valid = probe.listen("depth/valid")
    camera.warm_up(outputs)
    camera.warm_up(valid)
    depth = camera.send_and_receive(outputs)
    mask = probe.spin_until(lambda: find(valid, stamp_ns(depth)))
    pixels = np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.width)
    assert mask.encoding == "mono8"
    assert np.array_equal(pixels == 255, np.isfinite(ImageDecoder().depth(depth)))
    assert set(np.unique(pixels)) <= {0, 255}


def test_publishes_the_colour_camera_at_the_output_s_size(node, probe, outputs, camera):
    infos = probe.listen("depth/camera_info", CameraInfo)
    camera.warm_up(outputs)
    camera.warm_up(infos)
    message = camera.send_and_receive(outputs)
    info = probe.spin_until(lambda: find(infos, stamp_ns(message)))
    assert info.header == message.header
    assert vars(intrinsics_of(info)) == pytest.approx(vars(INTRINSICS))


def test_tells_once_how_depth_lies_to_colour(node, probe, outputs, camera):
    camera.warm_up(outputs)
    camera.send_and_receive(outputs)
    assert (
        len([line for line in node.lines if "depth is registered to colour: both cameras have the same" in line]) == 1
    )
    assert "both cameras have the same view" in probe.new_report()["notes"]


def test_survives_a_backward_clock_jump(node, probe, outputs, camera):
    camera.warm_up(outputs)
    past = probe.next_stamp() - 90 * SECOND
    for i in range(5):
        camera.send_and_receive(outputs, stamp_ns=past + i * SECOND // 10)
    assert int(probe.new_report()["clock_resets"]) >= 1


def test_tells_everything_on_diagnostics_and_the_sums_hold(node, probe, outputs, camera):
    camera.warm_up(outputs)
    camera.send_and_receive(outputs)
    probe.spin_for(1.0)
    told = probe.new_report()
    expected = {f"latency_ms/{stage}/{key}" for stage in STAGES for key in ("p50", "p95", "max")}
    expected |= {"pairs_in", "frames_out", "rate/rgb_hz", "rate/depth_hz", "rate/output_hz", "stamp_distance_ms/p50"}
    expected |= {"stamp_distance_ms/max", "model", "engine", "precision", "reason", "notes", "synchroniser"}
    expected |= {"converter"}
    assert expected <= set(told)
    dropped = sum(int(value) for key, value in told.items() if key.startswith("dropped/"))
    assert int(told["pairs_in"]) == int(told["frames_out"]) + dropped
    assert float(told["latency_ms/engine/p50"]) <= float(told["latency_ms/total/p95"])


@pytest.fixture(scope="module")
def other(ros):
    """A node with 16UC1 output, colours and best-effort publishers, of the x4 network."""
    from probe import Probe

    probe = Probe("/other")
    child = start_node(
        "/other", scale=4, output_encoding="16UC1", colormap=True, output_reliability="best_effort",
        colormap_range="[1.0, 2.0]",
    )  # fmt: skip
    probe.child = child
    yield probe
    assert_ends_cleanly(child)
    probe.close()


def test_a_number_as_scale_asks_for_an_engine_and_says_why_it_runs(other):
    line = other.child.wait_for("runs on")
    assert "fdkn_x4" in line and "self-check" in line


def test_publishes_the_depth_camera_scaled_while_there_is_no_colour_camera(other):
    camera, infos = Camera(other), other.listen("depth/camera_info", CameraInfo, reliable=False)
    header = camera.images(0)[1].header

    def send() -> bool:
        camera.depth_info.publish(to_camera_info(INTRINSICS.resized(*DEPTH_SIZE), header))
        camera.send(infos=False)
        return bool(infos)

    other.spin_until(send, what="depth/camera_info")
    assert vars(intrinsics_of(infos[0])) == pytest.approx(vars(INTRINSICS))
    camera.close()


def test_gives_millimetres_and_colours(other):
    camera = Camera(other)
    outputs = other.listen("depth/upsampled", reliable=False)
    colours = other.listen("depth/colormap", reliable=False)
    camera.warm_up(outputs)
    camera.warm_up(colours)
    message = camera.send_and_receive(outputs)
    raw = np.frombuffer(message.data, np.uint16).reshape(message.height, message.width)
    depth = to_metres(raw, message.encoding)
    assert message.encoding == "16UC1"
    assert 0.9 < np.nanmin(depth) < np.nanmax(depth) < 3.0
    image = other.spin_until(lambda: find(colours, stamp_ns(message)))
    assert (image.encoding, image.width, image.height) == ("bgr8", *COLOUR_SIZE)
