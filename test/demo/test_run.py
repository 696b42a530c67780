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

from depth_sr_ros.recordings.bag_writer import BagWriter

pytestmark = [pytest.mark.dds, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
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
    assert report["model"].startswith("fdkn_x8")
    # nothing is lost between the camera's process and the node
    published = re.search(r"published (\d+) colour and (\d+) depth", (tmp_path / "camera.log").read_text())
    assert published is not None and {int(count) for count in published.groups()} == {report["pairs_in"]}
    assert 0 < report["rmse_m"]["output"] < 0.5 and 0 < report["rmse_m"]["bicubic"] < 0.5
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


def run_impatiently(tmp_path: Path, bag: str, cache: str, arguments: tuple[str, ...]) -> str:
    """What the demo says last, in a run that cannot bring forth a frame."""
    options = f"{bag}, 20.0, Path({str(tmp_path)!r}), Path({cache!r}), 5.0, {arguments!r}"
    done = run(
        "-c", f"from pathlib import Path; from demo.run import DemoOptions, run_demo; run_demo(DemoOptions({options}))"
    )
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


def test_says_what_the_node_said_when_no_frame_comes_out(tmp_path):
    write_bag(tmp_path / "bag", 1)
    last = run_impatiently(tmp_path, f"Path({str(tmp_path / 'bag')!r})", "unused", ())
    assert "no frame came out in 5 s" in last and "all_invalid" in last


def test_a_node_that_cannot_start_is_told_in_one_sentence_with_its_own_words(tmp_path, cache):
    last = run_impatiently(tmp_path, "None", str(cache), ("--ros-args", "-p", "scale:=7"))
    assert "the node did not start" in last and "scale" in last


def test_a_recording_that_is_not_there_is_one_sentence(tmp_path):
    done = run("-m", "demo", "--bag", str(tmp_path / "nowhere"), "--out", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("demo: ") and "Traceback" not in done.stderr
