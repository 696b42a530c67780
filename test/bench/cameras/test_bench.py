"""The bench of cameras from scene to table, on a small scene."""

import json

import cv2
import numpy as np
import pytest

import bench.cameras.__main__ as bench_main
from bench.cameras.measure import frame_of, measure_cell
from bench.cameras.methods import METHODS, takes_cameras
from bench.cameras.recorded import measure_recording
from bench.cameras.report import mean_of, report
from bench.cameras.scenes import BenchScene, calibration_numbers, scenes
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from training.degradation.two_cameras.known_cameras import SENSORS, SWEEP

CAMERA = Camera(Intrinsics(96, 72, 90.0, 90.0, 47.5, 35.5))


@pytest.fixture(scope="module")
def scene():
    truth = np.full(CAMERA.size, 2, np.float32)
    truth[21:51, 31:60] = 1.2
    rgb = np.full((*CAMERA.size, 3), 60, np.uint8)
    rgb[21:51, 31:60] = 200
    truth[:2, :2] = np.nan
    return BenchScene("box", "procedural", rgb, truth, CAMERA)


@pytest.fixture(scope="module")
def cell(scene):
    return measure_cell(SWEEP["r2"], scene, METHODS)


def test_a_cell_has_all_methods(cell):
    assert cell["depth"] == [48, 36] and cell["ratio"] == 2 and set(cell["methods"]) == set(METHODS)
    for name, row in cell["methods"].items():
        assert 0 < row["mae"] < 200 and row["elsewhere"] < row["mae"] < row["edges"], name
    assert cell["methods"]["driver"]["coverage"] < 1
    assert {row["coverage"] for name, row in cell["methods"].items() if name != "driver"} == {1}
    assert ("served" in METHODS) == takes_cameras()


def test_each_method_is_better_where_it_should_be(cell):
    rows = cell["methods"]
    assert rows["start"]["edges"] < rows["bilinear"]["edges"]
    assert rows["joint_bilateral"]["elsewhere"] < rows["start"]["elsewhere"]
    assert rows["driver"]["on_driver"] == rows["driver"]["mae"]


def test_a_frame_is_the_same_at_every_call(scene):
    first, again = (frame_of(SENSORS["realsense_d435"], scene) for _ in range(2))
    np.testing.assert_array_equal(first.raw, again.raw)


def test_truth_beyond_the_cameras_range_is_not_scored(scene):
    far = BenchScene("box", "procedural", scene.rgb, 2.5 * scene.truth, CAMERA)  # box 3 m, wall 5 m, range 4 m
    row = measure_cell(SENSORS["arducam_tof"], far, {"start": METHODS["start"]})["methods"]["start"]
    assert row["mae"] < 500  # the wall, where nothing is measured, would count 2000


def test_only_what_is_missing_is_measured(scene, tmp_path, monkeypatch):
    count = []
    monkeypatch.setattr(bench_main, "METHODS", {"start": METHODS["start"]})
    file = tmp_path / "cameras.json"
    results = {"cells": {}}
    for models in ({"r2": SWEEP["r2"]}, {"r2": SWEEP["r2"], "r4": SWEEP["r4"]}):
        bench_main.measure(results, models, {"box": lambda: count.append(1) or scene}, file)
    assert len(count) == 2 and set(json.loads(file.read_text())["cells"]) == {"r2/box", "r4/box"}
    before = dict(results["cells"]["r2/box"])
    bench_main.measure(results, {"r2": SWEEP["r2"]}, {"box": lambda: count.append(1) or scene}, file)
    assert len(count) == 2 and results["cells"]["r2/box"] == before


def test_tables_average_over_scenes(cell):
    other = json.loads(json.dumps(cell))
    other["methods"]["start"]["mae"] += 10
    results = {"cells": {"r2/box": cell, "r2/other": other, "kinect_v2/box": cell}}
    assert mean_of(results, "r2", "start")["mae"] == pytest.approx(cell["methods"]["start"]["mae"] + 5)
    assert mean_of(results, "r3", "start") is None
    text = report(results)
    row = cell["methods"]["driver"]
    expected = f"| {row['mae']:.1f} / {row['edges']:.0f} / {row['elsewhere']:.1f} ({row['coverage']:.0%}) |"
    assert f"| 2 {expected}" in text and f"| Kinect v2 (2.9) {expected}" in text
    assert "Not measured." in report({})


def test_procedural_scenes_need_no_data():
    known = scenes(None)
    scene = known["procedural_3"]()
    assert scene.truth.min() == pytest.approx(0.8) and scene.truth.shape == scene.camera.size
    assert len(known) == len(scenes(None, quick=True)) == 3


def test_a_calibration_is_read_by_its_lines():
    text = "cam0=[999.421 0 294.182; 0 999.421 252.932; 0 0 1]\ncam1=[1 0 2; 0 1 2; 0 0 1]\n"
    text += "doffs=32.778\nbaseline=193.001\n"
    assert calibration_numbers(text) == {
        "f": 999.421, "cx": 294.182, "cy": 252.932, "baseline": 193.001, "doffs": 32.778,
    }  # fmt: skip
    with pytest.raises(ValueError, match="expected lines cam0=, baseline= and doffs="):
        calibration_numbers("cam0=[1 0 2; 0 1 2; 0 0 1]")


def test_a_recording_is_judged_by_its_other_frames(tmp_path):
    numbers = {"width": 96, "height": 72, "fx": 90.0, "fy": 90.0, "cx": 47.5, "cy": 35.5}
    calibration = {"colour_camera": numbers, "depth_camera": numbers, "depth_to_colour": [0, 0, 0, 0, 0, 0, 1]}
    (tmp_path / "calibration.json").write_text(json.dumps(calibration))
    for name in ("depth", "pose", "rgb"):
        (tmp_path / name).mkdir()
    rng = np.random.default_rng(1)
    for number in range(12):
        depth = np.full((72, 96), 2000) + rng.integers(-20, 21, (72, 96)) + (100 if number == 6 else 0)
        cv2.imwrite(str(tmp_path / "depth" / f"{number:02}.png"), depth.astype(np.uint16))
        cv2.imwrite(str(tmp_path / "rgb" / f"{number:02}.jpg"), np.full((72, 96, 3), 90, np.uint8))
        np.savetxt(tmp_path / "pose" / f"{number:02}.txt", np.eye(4))
    found = measure_recording(tmp_path, {"start": METHODS["start"]}, frames=2)
    assert list(found) == ["03", "09"] and found["03"]["start"]["mae"] < 15
    off = measure_recording(tmp_path, {"start": METHODS["start"]}, frames=1)["06"]["start"]
    assert off["mae"] == pytest.approx(100, abs=3) and off["coverage"] == 1
    text = report({"recorded": {"06": {"start": off}}})
    assert f"| start image | {off['mae']:.1f} / nan / {off['elsewhere']:.1f} |" in text
    (tmp_path / "rgb" / "06.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="expected 06.png or .jpg"):
        measure_recording(tmp_path, METHODS, frames=1)
