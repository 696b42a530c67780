"""Who may import whom, and that a robot needs no torch."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import tomllib

from depth_sr_ros.cameras.camera import Intrinsics

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("depth_sr_ros", "training", "demo", "bench", "docs")

TORCH_FREE = """
import importlib.util, sys
assert importlib.util.find_spec("torch") is None, "this environment has torch"
import numpy as np
import depth_sr_ros.ros.node
from depth_sr_ros.upsampler import Upsampler
result = Upsampler(scale=8)(np.full((96, 128, 3), 128, np.uint8), np.full((12, 16), 2.0, np.float32))
assert result.depth.shape == (96, 128) and abs(float(np.nanmean(result.depth)) - 2.0) < 0.1, result.depth
assert "torch" not in sys.modules
print("upsampled")
"""


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.prefix, "bin", "lint-imports")), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)


@pytest.fixture
def copy_of_the_code(tmp_path: Path) -> Path:
    leave_out = shutil.ignore_patterns("__pycache__", "artifacts")
    for name in ROOMS:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=leave_out)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_code_keeps_the_import_rules() -> None:
    checked = _lint_imports(ROOT)
    assert checked.returncode == 0, checked.stdout


BREACHES = {
    "torch in a command": ("depth_sr_ros/commands/bench.py", "import torch", "the robot needs no torch"),
    "networks in a command": (
        "depth_sr_ros/commands/compile.py",
        "from depth_sr_ros.models import create_model",
        "only the torch engines",
    ),
    "torch in another runtime": ("depth_sr_ros/engines/onnxruntime.py", "import torch", "the robot needs no torch"),
    "an upward arrow": (
        "depth_sr_ros/cameras/depth.py",
        "from depth_sr_ros.upsampler import Upsampler",
        "floors of depth_sr_ros",
    ),
    "an upward arrow in training": (
        "training/datasets/units.py",
        "from training.fitting.train import train",
        "floors of training",
    ),
    "one network's room in another's": (
        "depth_sr_ros/models/jiif/pairs.py",
        "from depth_sr_ros.models.kernel.sampling import Sampler",
        "floors of depth_sr_ros.models",
    ),
    "a circle inside a room": (
        "depth_sr_ros/recordings/recording.py",
        "from depth_sr_ros.recordings.opening import open_recording",
        "no circles, in any folder",
    ),
    "a module on no floor": ("depth_sr_ros/stray.py", "", "floors of depth_sr_ros"),
    "a folder on no floor": ("training/stray/__init__.py", "", "floors of training"),
    "a runtime on no floor": ("depth_sr_ros/engines/warp.py", "", "floors of depth_sr_ros.engines"),
    "messages outside ros": ("depth_sr_ros/recordings/pairing.py", "import sensor_msgs.msg", "imports rclpy and"),
    "cameras in an engine": (
        "depth_sr_ros/engines/base.py",
        "from depth_sr_ros.cameras.depth import to_metres",
        "work on arrays",
    ),
    "ROS in training": ("training/evaluation/tables.py", "from depth_sr_ros.ros.node import main", "without ROS"),
    "training in the package": ("depth_sr_ros/upsampler.py", "import training.__main__", "the robot's package"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_import_rules_notice(copy_of_the_code: Path, breach: str) -> None:
    """A stray import anywhere, or a file that no rule names, fails the rule that it breaks."""
    module, line, contract = BREACHES[breach]
    path = copy_of_the_code / module
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as source:
        source.write(f"\n{line}\n")
    checked = _lint_imports(copy_of_the_code)
    assert checked.returncode == 1, checked.stdout
    summary = " ".join(checked.stdout.partition("Broken contracts")[0].split())
    broken = [part for part in summary.split(" KEPT") if "BROKEN" in part]
    assert any(contract in part for part in broken), checked.stdout


def test_every_ros_package_that_is_declared_is_kept_to_the_ros_room() -> None:
    """A message package that is added to package.xml has to be added to the rule as well."""
    declared = set(re.findall(r"<(?:exec_)?depend>(\w+)</", (ROOT / "package.xml").read_text()))
    of_ros = r"rclpy|message_filters|cv_bridge|\w+_(msgs|srvs|interfaces)"
    ros = {name for name in declared if re.fullmatch(of_ros, name)}
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (rule,) = [one for one in rules if "rclpy" in one.get("forbidden_modules", ())]
    assert ros and ros <= set(rule["forbidden_modules"])


@pytest.fixture(scope="module")
def torch_free() -> tuple[Path, dict[str, str]]:
    """Folder of programs of the environment without torch (made by make once), and variables to run them with."""
    made = subprocess.run(["make", ".venv-notorch/.installed"], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stdout + made.stderr
    leaking = ("PYTHONPATH", "AMENT_PREFIX_PATH", "LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    return ROOT / ".venv-notorch" / "bin", {k: v for k, v in os.environ.items() if k not in leaking}


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_node_and_upsampler_work_without_torch(torch_free: tuple[Path, dict[str, str]]) -> None:
    programs, environment = torch_free
    ran = subprocess.run(
        [str(programs / "python"), "-c", TORCH_FREE], env=environment, capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["upsampled"]


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_doctor_finds_a_running_engine_without_torch(torch_free: tuple[Path, dict[str, str]]) -> None:
    programs, environment = torch_free
    ran = subprocess.run(
        [str(programs / "depth-sr"), "doctor"], env=environment, capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no torch" in ran.stdout


def _folder_of_images(folder: Path) -> Path:
    """A recording as `depth-sr replay` reads it: five frames of a plane."""
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    for index in range(5):
        cv2.imwrite(str(folder / "rgb" / f"{index:03d}.png"), np.full((96, 128, 3), 90, np.uint8))
        cv2.imwrite(str(folder / "depth" / f"{index:03d}.png"), np.full((12, 16), 1500, np.uint16))
    Intrinsics(128, 96, 100.0, 100.0, 63.5, 47.5).write(folder / "camera.json")
    return folder


@pytest.mark.slow
@pytest.mark.dds
@pytest.mark.timeout(700)
def test_demo_replays_into_the_node_without_torch(torch_free: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    programs, environment = torch_free
    recording = _folder_of_images(tmp_path / "recording")
    options = ["--bag", str(recording), "--seconds", "3", "--out", str(tmp_path / "out")]
    ran = subprocess.run(
        [str(programs / "python"), "-m", "demo", *options],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads((tmp_path / "out" / "report.json").read_text())["frames_out"] > 0
