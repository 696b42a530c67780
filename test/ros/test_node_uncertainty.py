"""depth/uncertainty over real DDS: the expected error where live weights serve, and a word where it cannot come."""

from __future__ import annotations

import numpy as np
import pytest
from live_networks import live_artifact
from probe import COLOUR_SIZE, Camera, assert_ends_cleanly, find, start_node

from depth_sr_ros.ros.conversions import ImageDecoder, stamp_ns

pytestmark = [pytest.mark.dds, pytest.mark.timeout(240)]


def test_live_weights_say_how_far_each_valid_pixel_may_be_off(side, tmp_path):
    artifact = live_artifact(tmp_path)
    node = start_node(side.namespace, weights=artifact.folder, output_encoding="16UC1", engine_cache=tmp_path)
    outputs, uncertainties, camera = side.listen("depth/upsampled"), side.listen("depth/uncertainty"), Camera(side)
    camera.warm_up(uncertainties)
    message = camera.send_and_receive(outputs)
    told = side.spin_until(lambda: find(uncertainties, stamp_ns(message)), what="its uncertainty")
    assert (told.header, told.encoding) == (message.header, "32FC1")
    assert (told.width, told.height) == COLOUR_SIZE
    error, depth = np.frombuffer(told.data, np.float32).reshape(told.height, told.width), ImageDecoder().depth(message)
    known = np.isfinite(error)
    assert known.mean() > 0.5 and (error[known] > 0).all()
    assert np.array_equal(known, np.isfinite(depth))
    camera.close()
    assert_ends_cleanly(node)


def test_a_subscriber_is_told_once_why_other_weights_publish_nothing(side, tmp_path):
    node = start_node(side.namespace, scale=0, engine_cache=tmp_path)
    side.child = node
    outputs, camera = side.listen("depth/upsampled"), Camera(side)
    camera.warm_up(outputs)
    camera.send_and_receive(outputs)
    assert node.find("depth/uncertainty is not published") is None and side.new_report()["uncertainty"] == ""
    uncertainties = side.listen("depth/uncertainty")
    node_said = "depth/uncertainty is not published: fdkn_x8_live serves"

    def served_and_told():
        camera.send_and_receive(outputs)
        return node.find(node_said)

    side.spin_until(served_and_told, what="why nothing comes")
    camera.send_and_receive(outputs)
    assert len([line for line in node.lines if node_said in line]) == 1 and not uncertainties
    told = side.new_report()["uncertainty"]  # scale is 0 already: what helps is to name the weights
    assert told.startswith(node_said) and told.endswith("set `weights` to a folder of live weights, and `scale` to 0")
    camera.close()
    assert_ends_cleanly(node)
