"""Every bad frame is counted, explained and skipped; the node lives and serves the next good one."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np
import pytest
from probe import Camera, assert_ends_cleanly, colour, find, plane, stamp, start_node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from depth_sr_ros.ros.conversions import ImageDecoder, to_depth_message, to_image_message

pytestmark = pytest.mark.dds


@pytest.fixture(scope="module")
def node(probe):
    child = start_node(probe.namespace)
    yield child
    assert_ends_cleanly(child)


@pytest.fixture(scope="module")
def outputs(probe):
    return probe.listen("depth/upsampled")


def _encoding(rgb: Image, depth: Image) -> None:
    rgb.encoding = "hsv12"


def _depth_encoding(rgb: Image, depth: Image) -> None:
    depth.encoding = "8UC1"


def _zero_size(rgb: Image, depth: Image) -> None:
    rgb.width = rgb.height = rgb.step = 0
    rgb.data = array("B")


def _zero_size_depth(rgb: Image, depth: Image) -> None:
    depth.height = 0
    depth.data = array("B")


def _truncated(rgb: Image, depth: Image) -> None:
    rgb.data = rgb.data[: len(rgb.data) // 2]


def _truncated_depth(rgb: Image, depth: Image) -> None:
    depth.data = depth.data[:-1]


def _short_step(rgb: Image, depth: Image) -> None:
    depth.step = depth.width
    depth.data = depth.data[: depth.step * depth.height]


def _depth_of(values: np.ndarray) -> Callable[[Image, Image], None]:
    def replace(rgb: Image, depth: Image) -> None:
        new = to_depth_message(values.astype(np.float32), "32FC1", depth.header)
        depth.encoding, depth.width, depth.height = new.encoding, new.width, new.height
        depth.step, depth.data = new.step, new.data

    return replace


BAD = {
    "unknown_colour_encoding": (_encoding, "encoding"),
    "unknown_depth_encoding": (_depth_encoding, "encoding"),
    "zero_size_colour": (_zero_size, "empty"),
    "zero_size_depth": (_zero_size_depth, "empty"),
    "truncated_colour": (_truncated, "data_length"),
    "truncated_depth": (_truncated_depth, "data_length"),
    "step_shorter_than_a_row": (_short_step, "data_length"),
    "all_nan": (_depth_of(np.full((15, 20), np.nan)), "all_invalid"),
    "all_negative_or_infinite": (_depth_of(np.where(np.indices((15, 20))[0] % 2, -1.0, np.inf)), "all_invalid"),
}


def dropped(told: dict[str, str], cause: str) -> int:
    return int(told.get(f"dropped/{cause}", 0))


@pytest.mark.parametrize(("spoil", "cause"), BAD.values(), ids=BAD.keys())
def test_counts_and_skips(node, probe, outputs, camera, spoil, cause):
    camera.warm_up(outputs)
    before = dropped(probe.spin_until(lambda: probe.diagnostics), cause)
    rgb, depth = camera.images(at := probe.next_stamp())
    spoil(rgb, depth)
    camera.rgb.publish(rgb)
    camera.depth.publish(depth)
    probe.spin_until(lambda: dropped(probe.diagnostics, cause) == before + 1, what=f"dropped/{cause}")
    node.wait_for(rf"skipped \({cause}\): .*expected .*; ")
    camera.send_and_receive(outputs)
    assert find(outputs, at) is None


def test_serves_nan_infinite_and_negative_distances_as_holes(node, outputs, camera):
    camera.warm_up(outputs)
    depth = plane()
    depth[0, :5], depth[1, :5], depth[2, :5] = np.inf, -np.inf, -3.0
    rgb, message = camera.images(at := camera.probe.next_stamp())
    _depth_of(depth)(rgb, message)
    camera.rgb.publish(rgb)
    camera.depth.publish(message)
    result = ImageDecoder().depth(camera.probe.spin_until(lambda: find(outputs, at)))
    assert np.nanmax(result) < 3.0
    assert np.nanmin(result) > 0.5


def test_serves_big_endian_depth_like_little_endian(node, probe, outputs, camera):
    camera.warm_up(outputs)
    little = camera.send_and_receive(outputs)
    rgb, depth = camera.images(at := probe.next_stamp())
    depth.data = array("B", np.frombuffer(depth.data, np.uint16).astype(">u2").tobytes())
    depth.is_bigendian = 1
    camera.rgb.publish(rgb)
    camera.depth.publish(depth)
    big = probe.spin_until(lambda: find(outputs, at))
    assert big.data == little.data


def test_serves_sizes_that_no_network_likes(node, probe, outputs, camera):
    camera.warm_up(outputs)

    def sent() -> Image | None:
        camera.send_infos((155, 117))
        header = Header(stamp=stamp(at := probe.next_stamp()), frame_id="camera_colour")
        camera.rgb.publish(to_image_message(colour()[:117, :155], "rgb8", header))
        camera.depth.publish(to_depth_message(plane(), "16UC1", header))
        probe.spin_for(0.3, until=lambda: find(outputs, at))
        return find(outputs, at)

    result = probe.spin_until(sent, what="a frame of the new size")
    assert (result.width, result.height) == (155, 117)


def test_names_a_stream_of_nothing_but_bad_frames_in_diagnostics(probe, ros):
    node = start_node("/refused", silence_after=0.5)
    from probe import Probe

    other = Probe("/refused")
    camera = Camera(other)
    other.listen("depth/upsampled")

    def refused() -> bool:
        rgb, depth = camera.images(other.next_stamp())
        camera.rgb.publish(to_image_message(colour(), "8UC4", rgb.header))
        camera.depth.publish(depth)
        return other.diagnostics.get("silence") == "refused/data_length"

    other.spin_until(refused, what="the silence to be explained")
    assert "all are refused" in other.diagnostics["message/stream"]
    node.wait_for(r"no frames for 0.5 s \(refused/data_length\)")
    assert_ends_cleanly(node)
    other.close()
