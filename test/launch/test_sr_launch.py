"""The launch file, wherever the launch system is installed and the package is in the ament index."""

from __future__ import annotations

import importlib.util
from argparse import ArgumentTypeError
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

# Not `launch`: a folder of the project has that name, and would be imported as a namespace.
pytest.importorskip("launch_ros", reason="launch_ros comes with a ROS 2 installation; there is no wheel")

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from depth_sr_ros.cameras.presets import find_preset, preset_names
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
    return {k: value.evaluate(context) if hasattr(value, "evaluate") else value for k, value in overrides.items()}


def _variables(actions: list[Any], context: LaunchContext) -> dict[str, str]:
    for action in actions:
        if isinstance(action, SetEnvironmentVariable):
            action.visit(context)
    return {name: context.environment[name] for name in VARIABLES if name in context.environment}


def test_every_argument_is_described(sr_launch: ModuleType) -> None:
    arguments = {argument.name: argument.description for argument in _arguments(sr_launch)}
    assert {"namespace", "model", "scale", "engine", "params_file", "use_sim_time", "log_level"} <= set(arguments)
    assert {"camera", "rgb_image", "rgb_info", "depth_image", "depth_info"} <= set(arguments)
    assert all(len(description) > 10 for description in arguments.values())


def test_arguments_left_out_override_nothing(sr_launch: ModuleType, context: LaunchContext) -> None:
    assert sr_launch._overrides(context) == {}


def test_given_arguments_have_the_type_that_the_node_declares(sr_launch: ModuleType) -> None:
    given = {"scale": "4", "model": "4", "autostart": "false", "use_sim_time": "true"}
    context = _started(sr_launch, depth_to_colour="[-0.05, 0, 0.001, 0, 0, 0, 1]", **given)
    values = _values(sr_launch._overrides(context), context)
    motion = values.pop("depth_to_colour")
    assert motion == [-0.05, 0.0, 0.001, 0.0, 0.0, 0.0, 1.0] and all(type(number) is float for number in motion)
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


def _parameters(sr_launch: ModuleType, context: LaunchContext) -> dict[str, Any]:
    """What the node's process gets: every source as launch_ros hands it on, later ones over earlier ones."""
    from launch_ros.utilities import evaluate_parameters, normalize_parameters

    (node,) = (action for action in sr_launch._node(context) if isinstance(action, Node))
    merged: dict[str, Any] = {}
    for source in evaluate_parameters(context, normalize_parameters(node._Node__parameters)):
        values = source if isinstance(source, dict) else yaml.safe_load(Path(source).read_text())["/**"]
        merged |= values.get("ros__parameters", values)
    return merged


def _remappings(sr_launch: ModuleType, context: LaunchContext) -> dict[str, str]:
    (node,) = (action for action in sr_launch._node(context) if isinstance(action, Node))
    pairs = [[perform_substitutions(context, list(side)) for side in pair] for pair in node._Node__remappings]
    return dict(pairs)


OWN_NAMES = {"rgb/image": "rgb/image", "rgb/camera_info": "rgb/camera_info",
             "depth_raw/image": "depth_raw/image", "depth_raw/camera_info": "depth_raw/camera_info"}  # fmt: skip


def test_without_a_camera_the_node_keeps_its_names_and_defaults(
    sr_launch: ModuleType, context: LaunchContext, tmp_path: Path
) -> None:
    assert _remappings(sr_launch, context) == OWN_NAMES
    defaults = yaml.safe_load((SHARE / "config" / "sr.yaml").read_text())["/**"]["ros__parameters"]
    assert _parameters(sr_launch, context) == {k: _plain(v) for k, v in defaults.items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


@pytest.mark.parametrize("name", preset_names())
def test_preset_sets_topics_and_parameters(sr_launch: ModuleType, name: str, tmp_path: Path) -> None:
    context, preset = _started(sr_launch, camera=name), find_preset(name)
    inner = {argument: names[0] for argument, names in sr_launch.TOPICS.items()}
    assert _remappings(sr_launch, context) == OWN_NAMES | {inner[k]: topic for k, topic in preset.topics.items()}
    found = {k: _plain(v) for k, v in _parameters(sr_launch, context).items()}
    assert preset.parameters.items() <= found.items()


def test_given_arguments_win_over_the_preset(sr_launch: ModuleType, tmp_path: Path) -> None:
    context = _started(sr_launch, camera="azure_kinect", depth_image="/my/depth", scale="4")
    remapped = _remappings(sr_launch, context)
    assert remapped["depth_raw/image"] == "/my/depth" and remapped["rgb/image"] == "/rgb/image_raw"
    assert _parameters(sr_launch, context)["scale"] == 4


def test_own_name_of_the_node_can_be_given_against_the_preset(sr_launch: ModuleType) -> None:
    context = _started(sr_launch, camera="azure_kinect", rgb_image="rgb/image")
    assert _remappings(sr_launch, context)["rgb/image"] == "rgb/image"


def test_given_parameter_file_wins_over_the_preset_and_arguments_win_over_both(
    sr_launch: ModuleType, tmp_path: Path
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text('"/**":\n  ros__parameters:\n    depth_max: 2.5\n    scale: 8\n')
    context = _started(sr_launch, camera="azure_kinect", params_file=str(own), scale="4")
    found = _parameters(sr_launch, context)
    assert (found["depth_max"], found["depth_min"], found["scale"]) == (2.5, 0.25, 4)


def test_unknown_camera_is_refused_with_the_nearest_and_all_known(sr_launch: ModuleType) -> None:
    context = _started(sr_launch, camera="azure")
    with pytest.raises(ValueError, match="found 'azure'; did you mean azure_kinect[?] Known: .*xtion"):
        sr_launch._node(context)


def test_description_of_the_argument_lists_the_presets(sr_launch: ModuleType) -> None:
    (description,) = (argument.description for argument in _arguments(sr_launch) if argument.name == "camera")
    assert all(name in description for name in preset_names())


def test_transform_that_is_none_is_refused(sr_launch: ModuleType) -> None:
    context = _started(sr_launch, depth_to_colour="[0.1, 0, 0]")
    with pytest.raises(ArgumentTypeError, match="expected seven numbers x y z qx qy qz qw, found '0.1, 0, 0'"):
        sr_launch._overrides(context)
