"""Every camera preset through the node over DDS: the driver's topics, encodings, units, sizes, lenses and places.

The node is started as the launch file does it: topics remapped, the preset's parameters in a file. The transform that
most drivers send on /tf_static is given as a parameter, since that topic's messages come with ROS installations only.
"""

from __future__ import annotations

import json

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from preset_scenes import published, worst_error
from probe import Child, find, stamp
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.cameras.presets import TOPICS, find_preset, preset_names
from depth_sr_ros.ros.conversions import ImageDecoder, to_image_message
from depth_sr_ros.ros.parameters import parameter_table, problem_with

pytestmark = pytest.mark.dds

WITHIN = 0.008  # metres; 95 of 100 pixels
OWN = {"rgb_image": "rgb/image", "rgb_info": "rgb/camera_info",
       "depth_image": "depth_raw/image", "depth_info": "depth_raw/camera_info"}  # fmt: skip
FRAMES = {"registered": ("camera_colour", "camera_colour")}


@pytest.fixture(scope="module")
def process(ros):
    """One process for all nodes: they start one after another."""
    child = Child(__file__.replace("test_camera_presets", "restarting_node"))
    yield child
    child.process.stdin.close()
    assert child.process.wait(15) == 0


@pytest.fixture
def node(process, probe, tmp_path):
    """Starts a preset's node; it ends with the test."""
    started = []

    def start(preset):
        file = tmp_path / "preset.yaml"
        parameters = dict(preset.parameters)
        parameters.setdefault("depth_to_colour", list(preset.depth_to_colour))
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters | {"threads": 1}}}))
        arguments = ["--ros-args", "-r", f"__ns:={probe.namespace}", "--params-file", str(file)]
        for name, topic in preset.topics.items():
            arguments += ["-r", f"{OWN[name]}:={topic}"]
        started.append(len(process.lines))
        tell(json.dumps(arguments))

    def tell(line):
        print(line, file=process.process.stdin, flush=True)

    yield start
    tell("")
    process.wait_for("ended with 0", start=started[0])


class Driver:
    """Publishes a preset's scene on its topics, as reliable as drivers are."""

    def __init__(self, probe, preset, scene):
        self.scene, self.preset, self.probe = scene, preset, probe
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        kinds = {"rgb_image": Image, "rgb_info": CameraInfo, "depth_image": Image, "depth_info": CameraInfo}
        topics = {name: preset.topics.get(name, OWN[name]) for name in TOPICS}
        self.publishers = {name: probe.node.create_publisher(kinds[name], topics[name], qos) for name in TOPICS}

    def close(self):
        for publisher in self.publishers.values():
            self.probe.node.destroy_publisher(publisher)

    def send(self, at):
        scene, encoding = self.scene, self.preset.depth_encoding
        colour, depth = (Header(stamp=stamp(at), frame_id=name) for name in self._frames())
        messages = {
            "rgb_info": _info(scene.calibration.colour, colour),
            "depth_info": _info(scene.calibration.depth, depth),
            "rgb_image": to_image_message(scene.colour, self.preset.colour_encoding, colour),
            "depth_image": to_image_message(scene.depth, encoding, depth),
        }
        for name, message in messages.items():
            self.publishers[name].publish(message)

    def _frames(self):
        return FRAMES.get(self.preset.transform_from, ("camera_colour", "camera_depth"))


def _info(camera, header):
    i = camera.intrinsics
    k = [i.fx, 0.0, i.cx, 0.0, i.fy, i.cy, 0.0, 0.0, 1.0]
    p = [i.fx, 0.0, i.cx, 0.0, 0.0, i.fy, i.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    d = list(camera.lens.coefficients)
    r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    return CameraInfo(
        header=header, width=i.width, height=i.height, distortion_model=camera.lens.model, d=d, k=k, r=r, p=p
    )


@pytest.mark.parametrize("name", preset_names())
def test_every_parameter_is_one_of_the_nodes_and_fits(name):
    preset, known = find_preset(name), {row.name for row in parameter_table()}
    for parameter, value in (*preset.parameters.items(), ("depth_to_colour", list(preset.depth_to_colour))):
        assert parameter in known and problem_with(parameter, value) is None


@pytest.mark.parametrize("name", preset_names())
def test_depth_lands_on_the_colour_image_where_it_belongs(name, node, probe):
    preset = find_preset(name)
    scene = published(preset)
    driver = Driver(probe, preset, scene)
    outputs = probe.listen("depth/upsampled")
    node(preset)
    try:
        output = _receive(probe, driver, outputs)
        levels = _levels(probe)
    finally:
        driver.close()
    assert (output.height, output.width) == scene.truth.shape and output.header.frame_id == "camera_colour"
    assert worst_error(ImageDecoder().depth(output), scene) < WITHIN
    assert set(levels.values()) == {DiagnosticStatus.OK}, probe.diagnostics


def _receive(probe, driver, outputs):
    """Sends pairs until one has come back."""
    sent = []
    for _ in range(300):  # numba may have to compile first
        sent.append(probe.next_stamp() * 7)
        driver.send(sent[-1])
        probe.spin_for(0.3, until=lambda: outputs)
        if outputs:
            return next(found for at in sent if (found := find(outputs, at)))
    raise AssertionError(f"no output after 300 pairs: {probe.diagnostics}")


def _levels(probe):
    """Levels of a report that was made since, at best one in which everything is well."""
    probe.levels = {}
    ok = {DiagnosticStatus.OK}
    probe.spin_for(4.0, until=lambda: set(probe.levels.values()) == ok)
    return probe.levels
