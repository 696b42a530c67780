"""The launch file, wherever the launch system is installed and the package is in the ament index."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

# Not `launch`: a folder of the project has that name, and would be imported as a namespace.
pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS 2 installation; there is no wheel")

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable

from depth_sr_ros.ros.dds_profile import VARIABLES

try:
    SHARE = Path(get_package_share_directory("depth_sr_ros"))
except PackageNotFoundError:
    pytest.skip("depth_sr_ros is not in the ament index: source the workspace", allow_module_level=True)


@pytest.fixture(scope="module")
def sr_launch() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sr_launch", SHARE / "launch" / "sr.launch.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def context(sr_launch: ModuleType, monkeypatch: pytest.MonkeyPatch) -> LaunchContext:
    """A launch with every argument left out and no profile chosen by the user."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")  # remembered, and put back after the test
        monkeypatch.delenv(name)
    return _started(sr_launch)


def _started(sr_launch: ModuleType, **given: str) -> LaunchContext:
    context = LaunchContext()
    context.launch_configurations.update(given)
    for argument in _arguments(sr_launch):
        argument.visit(context)
    return context


def _arguments(sr_launch: ModuleType) -> list[DeclareLaunchArgument]:
    entities = sr_launch.generate_launch_description().entities
    return [entity for entity in entities if isinstance(entity, DeclareLaunchArgument)]


def _values(overrides: dict[str, Any], context: LaunchContext) -> dict[str, Any]:
    return {name: value.evaluate(context) for name, value in overrides.items()}


def _variables(actions: list[Any], context: LaunchContext) -> dict[str, str]:
    for action in actions:
        if isinstance(action, SetEnvironmentVariable):
            action.visit(context)
    return {name: context.environment[name] for name in VARIABLES if name in context.environment}


def test_every_argument_is_described(sr_launch: ModuleType) -> None:
    arguments = {argument.name: argument.description for argument in _arguments(sr_launch)}
    assert {"namespace", "model", "scale", "engine", "params_file", "use_sim_time", "log_level"} <= set(arguments)
    assert {"rgb_image", "rgb_info", "depth_image", "depth_info"} <= set(arguments)
    assert all(len(description) > 10 for description in arguments.values())


def test_arguments_left_out_override_nothing(sr_launch: ModuleType, context: LaunchContext) -> None:
    assert sr_launch._overrides(context) == {}


def test_given_arguments_have_the_type_that_the_node_declares(sr_launch: ModuleType) -> None:
    context = _started(sr_launch, scale="4", model="4", autostart="false", use_sim_time="true")
    values = _values(sr_launch._overrides(context), context)
    assert values == {"scale": 4, "model": "4", "autostart": False, "use_sim_time": True}


def test_shipped_profile_is_set_under_both_names(sr_launch: ModuleType, context: LaunchContext) -> None:
    variables = _variables(sr_launch._profile(context), context)
    assert set(variables) == set(VARIABLES)
    shipped = (SHARE / "config" / "fastdds.xml").read_bytes()
    assert all(Path(value).read_bytes() == shipped for value in variables.values())


@pytest.mark.parametrize("name", VARIABLES)
def test_profile_of_the_user_stays_and_holds_under_both_names(
    sr_launch: ModuleType, context: LaunchContext, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "/mine.xml")
    assert _variables(sr_launch._profile(context), context) == dict.fromkeys(VARIABLES, "/mine.xml")


def test_profile_that_is_asked_for_wins_over_the_environment(
    sr_launch: ModuleType, context: LaunchContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = tmp_path / "asked.xml"
    asked.touch()
    monkeypatch.setenv(VARIABLES[0], "/mine.xml")
    context.launch_configurations["fastdds_profile"] = str(asked)
    assert _variables(sr_launch._profile(context), context) == dict.fromkeys(VARIABLES, str(asked))


def test_no_profile_is_set_when_none_is_wanted(sr_launch: ModuleType, context: LaunchContext) -> None:
    context.launch_configurations["fastdds_profile"] = "none"
    assert _variables(sr_launch._profile(context), context) == {}


def test_profile_that_does_not_exist_is_refused(sr_launch: ModuleType, context: LaunchContext) -> None:
    context.launch_configurations["fastdds_profile"] = "/no/such/profile.xml"
    with pytest.raises(FileNotFoundError, match="expected an existing file, found '/no/such/profile.xml'"):
        sr_launch._profile(context)
