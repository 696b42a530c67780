"""The package as it is installed: colcon, pip, their agreement, and the parameter file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from depth_sr_ros.ros.parameters import parameter_table, parameters_yaml

# the first test that needs the workspace builds it
pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).resolve().parent.parent
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "install", "log", "out", "test", "training"
)


def _clean_environment() -> dict[str, str]:
    """Ours without what one ROS environment leaves behind for its children."""
    private = ("PYTHONPATH", "AMENT_PREFIX_PATH", "COLCON_PREFIX_PATH")
    return {name: value for name, value in os.environ.items() if name not in private}


@pytest.fixture(scope="module")
def manifest() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colcon workspace with a copy of the project, built."""
    colcon = Path(sys.prefix, "bin", "colcon")
    if not colcon.exists():
        pytest.skip("colcon is not installed here: pip install -e '.[test]'")
    folder = tmp_path_factory.mktemp("workspace")
    shutil.copytree(ROOT, folder / "src" / "depth_sr_ros", ignore=NOT_SOURCE)
    built = subprocess.run(
        [str(colcon), "build", "--event-handlers", "console_direct+"],
        cwd=folder,
        env=_clean_environment() | {"PATH": f"{colcon.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_manifest_is_an_ament_python_package(manifest: ElementTree.Element) -> None:
    assert manifest.get("format") == "3"
    assert manifest.findtext("name") == "depth_sr_ros"
    assert manifest.findtext("export/build_type") == "ament_python"


def test_manifest_depends_on_every_ros_package_that_the_code_imports(manifest: ElementTree.Element) -> None:
    declared = {key.text for tag in ("depend", "exec_depend") for key in manifest.iter(tag)}
    sources = [*(ROOT / "depth_sr_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    packages = r"rclpy|launch|launch_ros|\w+_msgs|\w+_srvs|\w+_interfaces|ament_\w+"
    imports = re.compile(rf"^\s*(?:from|import) ({packages})\b", re.M)
    imported = {name for source in sources for name in imports.findall(source.read_text())}
    assert imported <= declared
    assert {"message_filters", "cv_bridge", "python3-numpy", "python3-opencv"} <= declared


def test_versions_agree(manifest: ElementTree.Element) -> None:
    setup = subprocess.run(
        [sys.executable, "setup.py", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    latest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert latest, "CHANGELOG.md: expected a heading such as `## [0.1.0] - 2026-11-20`"
    assert manifest.findtext("version") == setup == latest[1]


def test_constraints_pin_one_version_each_and_torch_exactly() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    names = [re.fullmatch(r"([\w.-]+)==[\w.]+", line) for line in lines]
    assert all(names), [line for line, name in zip(lines, names, strict=True) if not name]
    assert len({name[1].lower() for name in names if name}) == len(lines)
    assert "torch==2.13.0" in lines


def test_colcon_installs_everything_that_a_ros_user_needs(workspace: Path) -> None:
    prefix = workspace / "install" / "depth_sr_ros"
    share = prefix / "share" / "depth_sr_ros"
    code = next((prefix / "lib").glob("python3*/site-packages")) / "depth_sr_ros"
    shipped = [path.relative_to(ROOT) for path in (ROOT / "depth_sr_ros" / "artifacts").glob("*/*")]
    presets = [path.relative_to(ROOT) for path in (ROOT / "config" / "cameras").iterdir()]
    expected = [
        prefix / "share" / "ament_index" / "resource_index" / "packages" / "depth_sr_ros",
        *(share / name for name in ("package.xml", "launch/sr.launch.py", "config/sr.yaml", "config/fastdds.xml")),
        *(share / path for path in presets),
        *(code.parent / path for path in shipped),
        code / "py.typed",
    ]
    assert shipped and presets
    assert [path for path in expected if not path.is_file()] == []


def test_colcon_installs_no_code_but_the_package(workspace: Path) -> None:
    packages = next((workspace / "install" / "depth_sr_ros" / "lib").glob("python3*/site-packages"))
    assert {path.name for path in packages.iterdir() if path.suffix != ".egg-info"} == {"depth_sr_ros"}


@pytest.mark.parametrize("name", ["depth_sr_node", "depth-sr"])
def test_executables_start_the_interpreter_of_the_active_environment(workspace: Path, name: str) -> None:
    script = workspace / "install" / "depth_sr_ros" / "lib" / "depth_sr_ros" / name
    assert script.read_text().splitlines()[0] == "#!/usr/bin/env python3"


def test_installed_command_runs_from_a_sourced_workspace(workspace: Path) -> None:
    ran = subprocess.run(
        ["bash", "-c", "source install/setup.bash && install/depth_sr_ros/lib/depth_sr_ros/depth-sr --help"],
        cwd=workspace,
        env=_clean_environment() | {"PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    assert "usage: depth-sr" in ran.stdout


def test_installed_command_finds_the_camera_presets(workspace: Path) -> None:
    command = "install/depth_sr_ros/lib/depth_sr_ros/depth-sr cameras azure_kinect"
    ran = subprocess.run(
        ["bash", "-c", f"source install/setup.bash && {command}"],
        cwd=workspace,
        env=_clean_environment() | {"PATH": f"{sys.prefix}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    words = " ".join(ran.stdout.split())
    assert "/depth/image_raw" in words and "mm over all pixels" in words


def test_parameter_file_holds_what_the_node_declares() -> None:
    written = (ROOT / "config" / "sr.yaml").read_text()
    assert written == parameters_yaml(), "config/sr.yaml is not what the node declares; run `make config`"


def test_parameter_file_names_every_parameter_with_its_default_and_description() -> None:
    text = (ROOT / "config" / "sr.yaml").read_text()
    values = yaml.safe_load(text)["/**"]["ros__parameters"]
    for row in parameter_table():
        assert values[row.name] == yaml.safe_load(row.default)
        assert f"# {row.description}" in text


def test_ci_script_is_executable_and_stops_at_the_first_error() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text()
