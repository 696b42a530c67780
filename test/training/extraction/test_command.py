import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from depth_sr_ros.recordings.bag_writer import BagWriter
from training.__main__ import main
from training.datasets.readers.shards import sample_of
from training.datasets.registry import open_dataset
from training.extraction.manifest import Manifest

ROOT = Path(__file__).parents[3]


def test_bags_become_shards_by_one_command(bags, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["extract", str(bags), "--out", str(out), "--shard-samples", "7"]) == 0
    said = capsys.readouterr().err
    assert "2 bags extracted, 0 finished before or alike, 0 failed; 24 frames in all" in said
    assert "kitchen: 12 colour messages, 12 depth messages, 12 pairs, 12 kept; 2 shards" in said
    assert main(["extract", str(bags), "--out", str(out), "--shard-samples", "7"]) == 0
    assert "0 bags extracted, 2 finished before" in capsys.readouterr().err


def test_depth_of_a_sensor_with_a_unit_of_its_own(bags, tmp_path):
    for name, extra in (("millimetres", []), ("tenths", ["--depth-unit", "0.0001"])):
        assert main(["extract", str(bags / "kitchen"), "--out", str(tmp_path / name), *extra]) == 0
    first, second = (
        sample_of(open_dataset("shards", tmp_path / name, "all")[0]).depth() for name in ("millimetres", "tenths")
    )
    np.testing.assert_allclose(second, first / 10, atol=0.00051)  # stored in millimetres
    assert Manifest.read(tmp_path / "tenths").options["bags"]["depth_unit"] == 0.0001


def test_a_folder_is_not_gone_on_with_in_another_unit(bags, tmp_path, capsys):
    command = ["extract", str(bags / "kitchen"), "--out", str(tmp_path / "out")]
    assert main(command) == 0
    assert main([*command, "--depth-unit", "0.0001"]) == 2
    assert "choose another --out" in capsys.readouterr().err


def test_intrinsics_stand_in_for_camera_info(tmp_path, scene):
    rgb, depth = scene.frame(0)
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_image("/rgb/image", scene.START, "camera", rgb, "rgb8")
        bag.write_image("/depth/image", scene.START, "camera", depth, "16UC1")
    given = ["--intrinsics", "60 61 31.5 23.5"]
    assert main(["extract", str(tmp_path / "bag"), "--out", str(tmp_path / "out"), *given]) == 0
    entry = open_dataset("shards", tmp_path / "out", "all")[0]
    known = sample_of(entry).read_json("calibration")["colour_camera"]
    assert (known["fx"], known["fy"], known["cx"], known["cy"]) == (60, 61, 31.5, 23.5)


def test_options_reach_the_bags(bags, tmp_path):
    command = ["extract", str(bags / "kitchen"), "--out", str(tmp_path / "out"), "--least-change", "4"]
    assert main([*command, "--slop-s", "0.01", "--rgb", "/rgb/image", "--stored-unit-m", "0.0005"]) == 0
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.options["depth_unit_m"] == 0.0005 and manifest.options["bags"]["slop_s"] == 0.01
    assert manifest.options["bags"]["streams"]["rgb"] == "/rgb/image"
    assert next(iter(manifest.bags.values())).counts["duplicate"] > 6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "expected a bag"),
        (["{bags}", "--depth-unit", "-1"], "from 0 to 1000, found -1.0"),
        (["{bags}", "--workers", "2"], "--workers 2: expected --ray local beside it, found no --ray"),
        (["{bags}", "--workers", "2", "--ray", "auto"], "expected --ray local beside it, found --ray auto"),
        (["{bags}", "--least-sharpness", "3"], "expected least_sharpness from 0 to 1"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_with_status_2(bags, tmp_path, capsys, arguments, said):
    filled = [argument.format(bags=bags) for argument in arguments]
    assert main(["extract", *filled, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--depth", "/depth"], "no images on '/depth'"),
        (["--slop-s", "0.0001"], "expected pairs with stamps within 0.1 ms"),
    ],
)
def test_bags_that_give_nothing_are_named_and_end_with_status_1(bags, tmp_path, capsys, arguments, said):
    assert main(["extract", str(bags), *arguments, "--out", str(tmp_path / "out")]) == 1
    ended = capsys.readouterr().err
    assert "nothing could be read from:\n" in ended and said in ended


def test_a_bag_is_made_by_one_command(tmp_path, capsys, shared_data):
    folder = shared_data / "recordings" / "realsense_tabletop"
    out = tmp_path / "bag"
    assert main(["make-bag", str(folder), "--out", str(out), "--count", "2", "--storage", "db3"]) == 0
    assert f"{out}: 2 pairs" in capsys.readouterr().out and (out / "bag.db3").is_file()
    assert main(["make-bag", str(folder), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


# the command without the rest of `python -m training`, which loads torch, on a machine that needs a tenth of a second
# for a sample: the signal has to come while it works
LEAN = """
import argparse, sys, time
from training.extraction import command, shards
fast = shards.ShardWriter.add
def slow(self, files):
    fast(self, files)
    time.sleep(0.1)
shards.ShardWriter.add = slow
parser = argparse.ArgumentParser()
command.add_extract_arguments(parser)
try:
    command.run_extract(parser.parse_args())
except command.ExtractionInterrupted as interruption:
    sys.exit(f"stopped: {interruption}")
"""


def _as_in_a_terminal():
    """Jobs in the background of a script start with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_it_with_nothing_half_written(tmp_path, scene, number):
    scene.write_scene(tmp_path / "bags" / "long", 100)
    out = tmp_path / "out"
    command = [sys.executable, "-c", LEAN, str(tmp_path / "bags"), "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=_as_in_a_terminal
    )
    try:
        deadline = time.monotonic() + 100
        while not list(out.glob(".work/*/*.tar")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 1, said
    assert "stopped: interrupted; finished bags are kept. Run the same command again to continue with" in said
    assert scene.tree(out) == {} and not (out / ".work").exists()
