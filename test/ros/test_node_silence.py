"""When no pairs come, the node says why: in one warning and on /diagnostics."""

from __future__ import annotations

from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from probe import Camera, assert_ends_cleanly, start_node
from sensor_msgs.msg import CompressedImage

pytestmark = pytest.mark.dds

MS = 1_000_000


@pytest.fixture(scope="module")
def node(probe):
    child = start_node(probe.namespace, silence_after=0.6, input_reliability="reliable")
    yield child
    assert_ends_cleanly(child)


@pytest.fixture
def told(node, probe):
    """Waits until a cause is told, in diagnostics as in the log; gives the sentence."""

    def wait(cause: str, meanwhile=lambda: None) -> str:
        start = len(node.lines)

        def heard() -> bool:
            meanwhile()
            return probe.diagnostics.get("silence") == cause

        probe.spin_until(heard, what=f"silence {cause}")
        assert probe.levels["stream"] == DiagnosticStatus.WARN
        node.wait_for(rf"no frames for .*\({cause}\)", start=max(0, start - 3))
        return probe.diagnostics["message/stream"]

    return wait


def test_names_the_topics_that_nobody_publishes(told, probe):
    sentence = told("topic_missing")
    assert f"{probe.namespace}/rgb/image and {probe.namespace}/depth_raw/image have no publisher" in sentence


def test_names_the_one_topic_that_nobody_publishes(told, probe):
    camera = Camera(probe)
    probe.node.destroy_publisher(camera.depth)
    probe.spin_until(
        lambda: f"{probe.namespace}/depth_raw/image has no publisher" in probe.diagnostics.get("message/stream", "")
    )
    camera.close()


def test_names_publishers_that_send_nothing(told, camera):
    assert "no message arrives" in told("no_messages")


def test_names_the_stream_that_sends_nothing(told, probe, camera):
    def colour_only() -> None:
        camera.rgb.publish(camera.images(probe.next_stamp())[0])

    sentence = told("one_stream_only", colour_only)
    assert f"nothing on {probe.namespace}/depth_raw/image" in sentence


def test_names_the_best_stamp_distance_and_the_slop_to_set(told, camera):
    sentence = told("stamps_apart", lambda: camera.send(depth_delay_ns=40 * MS))
    assert "best distance 40.0 ms, slop 20.0 ms" in sentence
    assert "set `slop` to 0.050" in sentence


def test_names_both_sides_of_an_incompatible_qos(told, node, probe):
    camera = Camera(probe, reliable=False)
    sentence = told("qos_incompatible", camera.send)
    assert "offers reliability BEST_EFFORT" in sentence
    assert "requests reliability RELIABLE" in sentence
    node.wait_for("QoS of a publisher is incompatible .*RELIABILITY")
    camera.close()


def test_names_the_type_of_a_topic_that_is_no_image(told, probe):
    camera = Camera(probe, kind=CompressedImage)
    assert "found sensor_msgs/msg/CompressedImage" in told("type_mismatch")
    camera.close()


def test_says_when_frames_come_again(told, node, probe, camera):
    told("no_messages")
    outputs = probe.listen("depth/upsampled")
    camera.warm_up(outputs)
    probe.spin_until(lambda: camera.send_and_receive(outputs) and "silence" not in probe.diagnostics)
    node.wait_for("frames arrive again")
    assert probe.diagnostics["message/stream"] == "running"


def test_tells_of_an_engine_that_does_not_return(side, tmp_path, monkeypatch):
    hold = tmp_path / "hold"
    hold.touch()
    monkeypatch.setenv("HOLD", str(hold))
    program = (str(Path(__file__).with_name("held_node.py")),)
    node = start_node(side.namespace, program=program, silence_after=0.6)
    camera, outputs = Camera(side), side.listen("depth/upsampled")

    def told() -> bool:
        camera.send()
        return side.diagnostics.get("silence") == "engine_slow"

    side.spin_until(told, what="the engine that does not return to be told")
    assert "the engine has worked on one frame for" in side.diagnostics["message/stream"]
    assert side.levels["stream"] == DiagnosticStatus.WARN
    hold.unlink()
    side.spin_until(lambda: camera.send() and side.diagnostics["message/stream"] == "running", what="running")
    assert outputs
    node.wait_for("frames arrive again; the reason for the silence was: engine_slow")
    assert_ends_cleanly(node)
    camera.close()


def test_names_both_topics_when_no_camera_info_comes(ros):
    from probe import Probe

    probe = Probe("/no_info")
    node = start_node(probe.namespace)
    camera, outputs = Camera(probe), probe.listen("depth/upsampled")

    def told() -> bool:
        camera.send(infos=False)
        return "no camera_info" in probe.diagnostics.get("message/stream", "")

    probe.spin_until(told, what="the missing camera_info to be told")
    assert outputs, "depth is published all the same"
    assert probe.levels["stream"] == DiagnosticStatus.WARN
    node.wait_for("/no_info/rgb/camera_info or /no_info/depth_raw/camera_info")
    probe.spin_until(lambda: camera.send() and probe.diagnostics["message/stream"] == "running")
    assert_ends_cleanly(node)
    camera.close()
    probe.close()
