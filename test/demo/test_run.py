"""The demo as a user runs it: three processes over real DDS."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from ros_domain import domain
from two_cameras import COLOUR, DEPTH, LENSES, motion, with_lens
from two_views import seen

from depth_sr_ros.recordings.bag_writer import BagWriter

pytestmark = [pytest.mark.dds, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
DEPTH, COLOUR = (with_lens(*pair) for pair in zip((DEPTH, COLOUR), LENSES["plumb_bob"], strict=True))
POSE = motion(x=-0.05, turn=(0.02, 0, 0))
PATIENCE_S = 10
KEYS = {"model", "engine", "pairs_in", "frames_out", "dropped", "latency_ms", "rmse_m"}


def run(*command: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ROS_DOMAIN_ID": domain(), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout,
        check=False,
    )  # fmt: skip


def demo(out: Path, *options: str) -> dict:
    done = run("-m", "demo", "--seconds", "4", "--out", str(out), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "report.json").read_text())
    assert set(report) >= KEYS
    assert report["frames_out"] > 0
    assert report["pairs_in"] == report["frames_out"] + sum(report["dropped"].values())
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"]
    return report


def test_shows_the_scene_and_measures_against_exact_depth(tmp_path, cache):
    # A deep queue: on a busy test machine a late executor must not look like a lossy transport.
    report = demo(tmp_path, "--cache", str(cache), "--ros-args", "-p", "input_queue_depth:=10")
    assert report["picture"] == "frame.png"
    assert report["simulated"] is True and "Simulated" in report["scene"]
    assert report["model"].startswith(("live", "fdkn_live"))
    # nothing is lost between the camera's process and the node
    published = re.search(r"published (\d+) colour and (\d+) depth", (tmp_path / "camera.log").read_text())
    assert published is not None and {int(count) for count in published.groups()} == {report["pairs_in"]}
    for errors in (report["rmse_m"], report["mae_m"]):
        assert set(errors) == {"output", "classical", "bicubic", "input", "output_where_input"}
        assert 0.01 < errors["output"] < errors["classical"] < errors["bicubic"] < 0.2
        assert errors["output_where_input"] < errors["input"] < 0.2
    assert 0.85 < report["coverage"]["input"] < 1 and report["coverage"]["output"] > report["coverage"]["input"]
    picture = cv2.imread(str(tmp_path / "frame.png"))
    assert picture.shape[0] > 2 * 480 and picture.shape[1] > 2 * 640


def write_bag(path: Path, farthest_mm: int) -> None:
    rng = np.random.default_rng(0)
    with BagWriter(path) as bag:
        for index in range(10):
            colour = rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)
            depth = rng.integers(0, farthest_mm, (12, 16), dtype=np.uint16)
            bag.write_image("/rgb/image", index * 100_000_000, "lens", colour, "rgb8")
            bag.write_image("/depth/image", index * 100_000_000, "lens", depth, "16UC1")


def test_shows_a_users_bag_and_says_why_there_is_no_error(tmp_path):
    write_bag(tmp_path / "bag", 1500)
    report = demo(tmp_path / "out", "--bag", str(tmp_path / "bag"))
    assert report["rmse_m"] is None and "no exact depth" in report["rmse_reason"]
    assert report["simulated"] is False
    assert (tmp_path / "out" / "frame.png").is_file()


def write_raw_bag(path: Path, transforms: bool) -> None:
    """A room seen by two cameras at different places, ten times."""
    raw, rgb = np.round(seen(DEPTH)[0] * 1000).astype(np.uint16), seen(COLOUR, POSE)[1]
    views = (("/rgb", "colour", COLOUR, rgb, "rgb8"), ("/depth", "tof", DEPTH, raw, "16UC1"))
    with BagWriter(path) as bag:
        if transforms:
            bag.write_static_transform(0, "colour", "tof", POSE)
        for stamp in range(0, 10**9, 10**8):
            for topic, frame, camera, pixels, encoding in views:
                bag.write_camera_info(f"{topic}/camera_info", stamp, frame, camera.intrinsics, camera.lens)
                bag.write_image(f"{topic}/image", stamp, frame, pixels, encoding)


def test_raw_depth_of_a_users_bag_is_registered_live(tmp_path):
    write_raw_bag(tmp_path / "bag", transforms=True)
    report = demo(tmp_path / "out", "--bag", str(tmp_path / "bag"))
    assert report["rmse_m"] is None and "registered by /tf_static" in report["scene"]
    # the output has the colour image's size, whose shape the depth image does not have
    picture = cv2.imread(str(tmp_path / "out" / "frame.png"))
    panel = round(480 * COLOUR.size[0] / COLOUR.size[1])
    assert 2 * panel < picture.shape[0] < 3 * panel


def test_raw_depth_without_a_transform_is_told_as_the_node_tells_it(tmp_path):
    write_raw_bag(tmp_path / "bag", transforms=False)
    last = run_impatiently(tmp_path, f"Path({str(tmp_path / 'bag')!r})", "unused", ())
    assert f"no frame came out in {PATIENCE_S} s" in last and "depth_to_colour" in last and "calibration.json" in last


def run_impatiently(tmp_path: Path, bag: str, cache: str, arguments: tuple[str, ...]) -> str:
    """What the demo says last, in a run that cannot bring forth a frame."""
    options = f"{bag}, 20.0, Path({str(tmp_path)!r}), Path({cache!r}), {PATIENCE_S}, {arguments!r}"
    done = run(
        "-c", f"from pathlib import Path; from demo.run import DemoOptions, run_demo; run_demo(DemoOptions({options}))"
    )
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_says_what_the_node_said_when_no_frame_comes_out(tmp_path):
    write_bag(tmp_path / "bag", 1)
    last = run_impatiently(tmp_path, f"Path({str(tmp_path / 'bag')!r})", "unused", ())
    assert f"no frame came out in {PATIENCE_S} s" in last and "all_invalid" in last


def test_a_node_that_cannot_start_is_told_in_one_sentence_with_its_own_words(tmp_path, cache):
    last = run_impatiently(tmp_path, "None", str(cache), ("--ros-args", "-p", "scale:=7"))
    assert "the node did not start" in last and "scale" in last


def test_a_recording_that_is_not_there_is_one_sentence(tmp_path):
    done = run("-m", "demo", "--bag", str(tmp_path / "nowhere"), "--out", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("demo: ") and "Traceback" not in done.stderr
