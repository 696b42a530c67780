"""Every preset that ships, and what is said of one that cannot be used."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from depth_sr_ros.cameras.presets import TOPICS, find_preset, preset_names, read_preset
from training.degradation.two_cameras.known_cameras import SENSORS

NAMES = preset_names()
FILES = {name: Path(__file__).parents[2] / "config" / "cameras" / f"{name}.yaml" for name in NAMES}


def test_every_camera_of_the_market_that_is_simulated_has_a_preset():
    assert {find_preset(name).simulated_as for name in NAMES} >= set(SENSORS) - {"azure_kinect_binned"}


@pytest.mark.parametrize("name", NAMES)
def test_depth_image_is_not_one_that_a_driver_aligned(name):
    preset = find_preset(name)
    topic = preset.topics.get("depth_image", "")
    assert not any(word in topic for word in ("aligned", "depth_to_rgb", "hd/image_depth", "registered"))
    assert set(preset.topics) <= set(TOPICS) and all(topic.startswith("/") for topic in preset.topics.values())


@pytest.mark.parametrize("name", NAMES)
def test_unit_is_the_one_that_the_encoding_or_the_parameter_says(name):
    preset = find_preset(name)
    by_encoding = 1.0 if preset.depth_encoding == "32FC1" else 0.001
    assert preset.unit == (preset.parameters.get("depth_unit") or by_encoding)


@pytest.mark.parametrize("name", NAMES)
def test_geometry_makes_sense(name):
    preset = find_preset(name)
    near, far = preset.depth_range
    assert 0 < near < 1 and 3 < far < 20
    assert 0.8 < preset.ratio < 10 and preset.baseline < 0.1
    simulated = SENSORS[preset.simulated_as]
    assert preset.ratio == pytest.approx(simulated.ratio, rel=0.4)
    for camera in (preset.calibration.colour, preset.calibration.depth):
        i = camera.intrinsics
        assert abs(i.cx / i.width - 0.5) < 0.1 and abs(i.cy / i.height - 0.5) < 0.1
        angles = [math.degrees(2 * math.atan(size / 2 / f)) for size, f in ((i.width, i.fx), (i.height, i.fy))]
        assert all(35 < angle < 95 for angle in angles), angles
        assert np.isfinite(camera.rays()).all(), "a pixel that no point is seen in"


@pytest.mark.parametrize("name", NAMES)
def test_registered_depth_has_the_colour_cameras_view_and_place(name):
    preset = find_preset(name)
    if preset.transform_from == "registered":
        colour, depth = preset.calibration.colour.intrinsics, preset.calibration.depth.intrinsics
        assert preset.baseline == 0
        resized = colour.resized(depth.width, depth.height)
        assert (depth.fx, depth.cx) == pytest.approx((resized.fx, resized.cx), abs=0.6)


@pytest.mark.parametrize("name", NAMES)
def test_launch_line_asks_for_what_the_preset_does_not_hold(name):
    preset = find_preset(name)
    assert f"camera:={name}" in preset.launch
    for topic in TOPICS:
        assert (f"{topic}:=" in preset.launch) == (topic not in preset.topics)
    assert ("depth_to_colour:=" in preset.launch) == (preset.transform_from == "user")


@pytest.mark.parametrize("name", NAMES)
def test_comments_say_where_the_facts_come_from(name):
    first = FILES[name].read_text().split("topics:")[0]
    assert first.startswith("# ") and "/" in first


def test_unknown_name_is_refused_with_the_nearest_and_all_known():
    with pytest.raises(ValueError, match="found 'realsense_d436'; did you mean realsense_d43.[?] Known: arducam_tof, "):
        find_preset("realsense_d436")


def _changed(tmp_path, change):
    known = yaml.safe_load(FILES["azure_kinect"].read_text())
    change(known)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(known))
    return path


def test_file_of_your_own_is_read(tmp_path):
    preset = read_preset(_changed(tmp_path, lambda known: known["parameters"].update(depth_max=2.0)))
    assert preset.name == "mine" and preset.depth_range == (0.25, 2.0)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda k: k.update(topic={}), "mine.yaml: expected topics, parameters, camera, found 'topic'; did you mean"),
        (lambda k: k["topics"].update(depth_imag="/x"), "topics: .*found 'depth_imag'; did you mean 'depth_image'"),
        (lambda k: k["parameters"].update(depth_maximum=1.0), "parameters: expected depth_min, .*'depth_maximum'; did"),
        (lambda k: k["parameters"].update(depth_min="near"), "parameters: depth_min: expected a number .*found 'near'"),
        (lambda k: k["parameters"].update(depth_to_colour=[0.0]), "depth_to_colour: expected a list of 7 numbers"),
        (lambda k: k["camera"].pop("title"), "mine.yaml: camera: title: expected a text, found nothing"),
        (lambda k: k["camera"].update(kind="radar"), "camera: kind: expected one of time of flight, .*found 'radar'"),
        (
            lambda k: k["camera"]["depth"].update(encoding="Z16"),
            "depth: encoding: expected one of 16UC1, .*found 'Z16'",
        ),
        (lambda k: k["camera"]["depth"].update(fx=0), "mine.yaml: camera: .*positive focal lengths"),
        (lambda k: k["camera"]["depth"].update(distortion=[0.1]), "expected 8 or 12 or 14 coefficients, found 1"),
        (lambda k: k["camera"].update(depth_to_colour=[0, 0, 0, 0, 0, 0, 0]), "mine.yaml: camera: .*"),
        (lambda k: k["camera"].update(transform_from="tf"), "transform_from: expected one of driver, user, registered"),
    ],
)
def test_preset_that_cannot_be_used_is_refused_with_file_expectation_and_finding(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read_preset(_changed(tmp_path, change))


@pytest.mark.parametrize("text", ["a: [", "- a list", "", "12"])
def test_file_that_is_no_mapping_is_refused(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="mine.yaml: expected (YAML|a mapping)"):
        read_preset(path)


def test_installation_without_presets_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("depth_sr_ros.config_files.__file__", str(tmp_path / "site-packages" / "x" / "y.py"))
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    with pytest.raises(FileNotFoundError, match="expected config/cameras in the source checkout or in share"):
        preset_names()
