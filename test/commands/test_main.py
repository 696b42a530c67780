import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from ros_domain import domain

from depth_sr_ros.commands.main import main
from depth_sr_ros.recordings.bag import BagRecording
from depth_sr_ros.recordings.image_files import read_depth

HEIGHT, WIDTH = 96, 128


@pytest.fixture
def folder(tmp_path):
    """Two frames, depth at colour size."""
    rng = np.random.default_rng(4)
    depth = (1500 + 5 * np.add(*np.mgrid[0:HEIGHT, 0:WIDTH])).astype(np.uint16)
    for name in ("rgb", "depth"):
        (tmp_path / "in" / name).mkdir(parents=True)
    for index in range(2):
        colour = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "in" / "rgb" / f"{index}.png"), colour)
        cv2.imwrite(str(tmp_path / "in" / "depth" / f"{index}.png"), depth)
    (tmp_path / "in" / "camera.json").write_text(
        json.dumps({"width": WIDTH, "height": HEIGHT, "fx": 100, "fy": 100, "cx": 64, "cy": 48})
    )
    return tmp_path / "in"


@pytest.mark.parametrize(
    "command", ["", "node", "replay", "upsample", "cameras", "compile", "doctor", "bench", "quantise", "import-weights"]
)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([*command.split(), "--help"])
    assert end.value.code == 0
    assert "usage: depth-sr" in capsys.readouterr().out


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from depth_sr_ros.commands.main import main\n"
        "try: main(['replay', '--help'])\n"
        "except SystemExit: print(sorted({'torch', 'rclpy', 'openvino', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("line", ["", "fly", "replay", "replay x --speed 0", "doctor --ros-args"])
def test_wrong_usage_is_status_2(line, capsys):
    try:
        status = main(line.split())
    except SystemExit as end:
        status = end.code
    assert status == 2 and capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("replay x --speed abc", "expected a positive number, found abc"),
        ("replay x --wait-s -1", "expected a number of 0 or more, found -1"),
        ("upsample x -o y --intrinsics 1,2,three,4", "expected four numbers fx fy cx cy, found '1,2,three,4'"),
    ],
)
def test_a_wrong_number_is_told_in_words(line, expected, capsys):
    with pytest.raises(SystemExit):
        main(line.split())
    assert expected in capsys.readouterr().err


def test_upsamples_a_folder_to_png_and_pictures(folder, tmp_path, capsys):
    assert main(["upsample", str(folder), "-o", str(tmp_path / "out"), "--picture", str(tmp_path / "pictures")]) == 0
    for index in range(2):
        depth = read_depth(tmp_path / "out" / f"{index}.png")
        assert depth.shape == (HEIGHT, WIDTH) and np.median(depth) == pytest.approx(2050, abs=100)
        assert cv2.imread(str(tmp_path / "pictures" / f"{index}.png")) is not None
    said = capsys.readouterr().err
    assert "2 frames written" in said and "a measurement at every pixel" in said


def test_upsamples_a_folder_to_a_bag(folder, tmp_path):
    assert main(["upsample", str(folder), "-o", str(tmp_path / "bag"), "--format", "db3"]) == 0
    with pytest.raises(ValueError, match="colour image topic.*only /depth/uncertainty, /depth/upsampled"):
        BagRecording(tmp_path / "bag")


def test_upsamples_one_pair_of_files(folder, tmp_path):
    pair = ["--rgb", str(folder / "rgb" / "0.png"), "--depth", str(folder / "depth" / "0.png")]
    assert main(["upsample", *pair, "-o", str(tmp_path / "one.png")]) == 0
    assert read_depth(tmp_path / "one.png").shape == (HEIGHT, WIDTH)


def test_one_png_cannot_take_a_recording_of_several_frames(folder, tmp_path, capsys):
    out = tmp_path / "new" / "out.png"
    assert main(["upsample", str(folder), "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert "expected one frame for one file, found a recording of 2 depth frames; give a folder" in said
    assert not out.parent.exists()


def test_upsample_reports_frames_that_failed(folder, tmp_path, capsys):
    cv2.imwrite(str(folder / "depth" / "1.png"), np.zeros((HEIGHT, WIDTH), np.uint16))
    assert main(["upsample", str(folder), "-o", str(tmp_path / "out")]) == 1
    assert "1 x all_invalid" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (["--model", "fdnk"], "fdnk"),
        (["--scale", "7"], "7"),
        (["--engine", "abacus"], "abacus"),
        (["--weights", "/nowhere"], "/nowhere"),
        (["--depth", "range"], "range/"),
        (["--reduce", "1"], "at least 2"),
    ],
)
def test_says_in_one_line_what_cannot_be_used(folder, tmp_path, capsys, change, expected):
    assert main(["upsample", str(folder), "-o", str(tmp_path / "out"), *change]) == 2
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("depth-sr upsample: ") and expected in said and "Traceback" not in said


def test_replay_of_nothing_is_one_sentence(tmp_path, capsys):
    assert main(["replay", str(tmp_path / "nowhere")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_node_hands_ros_arguments_on_and_its_exit_status_back():
    command = [sys.executable, "-m", "depth_sr_ros.commands.main", "node", "--ros-args", "-p", "engine:=abacus"]
    own = {"ROS_DOMAIN_ID": domain(), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | own, timeout=60)
    assert done.returncode == 1
    assert "abacus" in done.stderr + done.stdout


def test_bench_times_every_engine_and_precision_that_is_there(capsys):
    line = "bench --scale 8 --size 64x64 --rounds 1 --engine openvino onnxruntime --threads 1 --json"
    assert main(line.split()) == 0
    report = json.loads(capsys.readouterr().out)
    assert {"openvino fp32", "onnxruntime fp32"} <= set(report["frames"])
    assert all(row["median"] >= row["engine"] > 0 for row in report["frames"].values())


def test_bench_times_what_the_node_runs_by_default(capsys):
    assert main(["bench", "--size", "64x48", "--ratio", "2.5", "--rounds", "1", "--threads", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["artifact"] == "fdkn_live" and report["depth_size"] == [25, 19]
    assert {"openvino fp32", "openvino bf16"} & set(report["frames"])
    assert all(row["median"] >= row["engine"] > 0 for row in report["frames"].values())


@pytest.mark.parametrize(
    "line",
    [
        "bench --size 64",
        "bench --scale 8 --engine warp",
        "bench --model jiif --engine openvino",
        "bench --rounds 0",
        "bench --ratio 400 --rounds 1",
    ],
)
def test_bench_says_what_it_expected(line, capsys):
    assert main(line.split()) == 2
    assert "expected" in capsys.readouterr().err
