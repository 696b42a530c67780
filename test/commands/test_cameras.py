import json
import re
import subprocess
import sys

import pytest

from depth_sr_ros.cameras.expected import expected_errors
from depth_sr_ros.cameras.presets import find_preset, preset_names
from depth_sr_ros.commands.main import main


def test_list_has_a_line_for_each_preset_with_ratio_range_and_topic(capsys):
    assert main(["cameras"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-2]] == preset_names()
    azure = next(line for line in lines if line.startswith("azure_kinect"))
    assert re.search(r"640x576 16UC1 +1280x720 bgra8 +1[.]2 +0[.]25-5[.]46 m +/depth/image_raw$", azure)


@pytest.mark.parametrize("name", preset_names())
def test_one_preset_shows_launch_lines_topics_parameters_and_notes(name, capsys):
    assert main(["cameras", name]) == 0
    out, preset = capsys.readouterr().out, find_preset(name)
    words = " ".join(out.split())
    for text in (preset.driver.launch, preset.launch, preset.title, *preset.topics.values(), *preset.notes):
        assert text in words
    assert all(f"{parameter} {value}" in words for parameter, value in preset.parameters.items())
    assert all(len(line) <= 120 or "ros2 " in line for line in out.splitlines())


def test_expected_errors_are_those_of_the_measurements(capsys):
    main(["cameras", "kinect_v2"])
    words = " ".join(capsys.readouterr().out.split())
    methods = expected_errors("kinect_v2").methods
    assert len(methods) == 2 and all(f"{method.mae:.1f} mm over" in words for method in methods)


def test_camera_without_measurements_is_said_to_have_none(capsys, monkeypatch):
    monkeypatch.setattr("depth_sr_ros.cameras.expected.expected_errors", lambda name: None)
    main(["cameras", "kinect_v2"])
    assert re.search("expect +not measured", capsys.readouterr().out)


def test_json_is_for_programs(capsys):
    assert main(["cameras", "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert [preset["name"] for preset in known] == preset_names()
    assert known[1]["topics"]["depth_image"] == "/depth/image_raw" and known[1]["depth"]["unit"] == 0.001


def test_unknown_name_is_status_2_with_the_nearest(capsys):
    assert main(["cameras", "femto"]) == 2
    assert "depth-sr cameras: camera: expected the name of a preset, found 'femto'; did you mean femto" in (
        capsys.readouterr().err
    )


def test_needs_no_ros_and_no_engine():
    code = (
        "import sys; from depth_sr_ros.commands.main import main; main(['cameras']); "
        "print(sorted({'torch', 'rclpy', 'openvino', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
