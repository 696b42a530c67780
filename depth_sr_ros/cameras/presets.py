"""Presets of depth cameras, `config/cameras/NAME.yaml`: what a driver publishes, and how the node takes it.

    topics:       launch argument: topic of the driver. What is left out keeps the node's own name.
    parameters:   parameters of the node.
    camera:       facts about the camera and its driver.

Comments in a file say where its facts come from. Figures are typical: the camera_info that arrives decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from depth_sr_ros.cameras.calibration import Calibration, described_camera, extrinsics
from depth_sr_ros.cameras.checked import CheckedMapping, nearest
from depth_sr_ros.config_files import find_config

TOPICS = ("rgb_image", "rgb_info", "depth_image", "depth_info")
"""Launch arguments that name topics."""

KINDS = ("time of flight", "structured light", "stereo", "LiDAR")
"""How cameras measure."""

TRANSFORMS = {
    "driver": "the driver publishes it on /tf_static",
    "user": "not on /tf_static with this driver: give it as depth_to_colour",
    "registered": "not needed: the driver publishes depth in the colour camera's view",
}
"""Where the transform from depth to colour comes from."""

_SINGLE = ("depth_min", "depth_max", "depth_unit", "slop", "depth_stamp_offset")
_LENS = ("width", "height", "fx", "fy", "cx", "cy", "distortion_model", "distortion")
_FACTS = (
    "title", "kind", "driver", "depth", "colour", "depth_to_colour", "transform_from", "noise", "simulated_as", "notes",
)  # fmt: skip
_DEPTH_ENCODINGS = ("16UC1", "32FC1", "mono16")
_COLOUR_ENCODINGS = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8")


@dataclass(frozen=True)
class Driver:
    """A camera's ROS 2 driver.

    Attributes:
        package: its name in ROS.
        source: project and version that the preset was written from.
        launch: command line that starts it as the preset expects.
    """

    package: str
    source: str
    launch: str


@dataclass(frozen=True)
class Preset:
    """A depth camera as its driver publishes it.

    Attributes:
        name: of its file, and value of the launch argument `camera`.
        title: for people.
        kind: one of `KINDS`.
        driver: what publishes the topics.
        topics: topic by launch argument; an argument that is missing keeps the node's own name.
        parameters: of the node, by name.
        depth_encoding: of the depth image.
        colour_encoding: of the colour image.
        unit: metres per unit of the depth image.
        calibration: typical cameras and the transform between them.
        depth_to_colour: that transform as the node's parameter of that name takes it.
        transform_from: one of `TRANSFORMS`.
        noise: published error of a measured distance.
        simulated_as: camera of docs/cameras.md with the expected errors; empty where none is like it.
        notes: what to know before use.
    """

    name: str
    title: str
    kind: str
    driver: Driver
    topics: Mapping[str, str]
    parameters: Mapping[str, float | list[float]]
    depth_encoding: str
    colour_encoding: str
    unit: float
    calibration: Calibration
    depth_to_colour: tuple[float, ...]
    transform_from: str
    noise: str
    simulated_as: str
    notes: tuple[str, ...]

    @property
    def launch(self) -> str:
        """The command line that starts the node with it; what has to be filled in is in capitals."""
        missing = [f"{name}:=/TOPIC" for name in TOPICS if name not in self.topics]
        if self.transform_from == "user":
            missing.append("depth_to_colour:='[X, Y, Z, QX, QY, QZ, QW]'")
        return " ".join(["ros2 launch depth_sr_ros sr.launch.py", f"camera:={self.name}", *missing])

    @property
    def ratio(self) -> float:
        """Colour pixels per depth pixel, along a line."""
        assert self.calibration.depth is not None
        return self.calibration.colour.intrinsics.fx / self.calibration.depth.intrinsics.fx

    @property
    def baseline(self) -> float:
        """Distance between the two cameras, metres."""
        matrix = self.calibration.depth_to_colour
        return 0.0 if matrix is None else math.hypot(*matrix[:3, 3])

    @property
    def depth_range(self) -> tuple[float, float]:
        """Nearest and farthest distance that count, metres; infinite where nothing limits it."""
        near, far = (self.parameters.get(name, 0.0) for name in ("depth_min", "depth_max"))
        assert isinstance(near, float) and isinstance(far, float)
        return near, far or math.inf


def preset_names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def find_preset(name: str) -> Preset:
    """The shipped preset of a name.

    Raises:
        ValueError: no such preset; the message names the nearest and all known ones. Or its file cannot be used.
        FileNotFoundError: the installation has no presets.
    """
    known = preset_names()
    if name not in known:
        close = nearest(name, known)
        hint = f"did you mean {close}? " if close else ""
        raise ValueError(f"camera: expected the name of a preset, found {name!r}; {hint}Known: {', '.join(known)}")
    return read_preset(_folder() / f"{name}.yaml")


def read_preset(path: Path) -> Preset:
    """Reads a preset.

    Raises:
        ValueError: not YAML, or something is missing, unknown or of the wrong kind; the message names file and key.
    """
    try:
        known = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: expected YAML; {error}") from error
    file = CheckedMapping(known, str(path), ("topics", "parameters", "camera"))
    topics = file.section("topics", TOPICS)
    camera = file.section("camera", _FACTS)
    driver = camera.section("driver", ("package", "source", "launch"))
    depth = camera.section("depth", ("encoding", "unit", *_LENS))
    colour = camera.section("colour", ("encoding", *_LENS))
    return Preset(
        name=path.stem,
        title=camera.text("title"),
        kind=camera.text("kind", KINDS),
        driver=Driver(driver.text("package"), driver.text("source"), driver.text("launch")),
        topics={name: topics.text(name) for name in topics},
        parameters=_parameters(file.section("parameters", (*_SINGLE, "depth_to_colour"))),
        depth_encoding=depth.text("encoding", _DEPTH_ENCODINGS),
        colour_encoding=colour.text("encoding", _COLOUR_ENCODINGS),
        unit=depth.number("unit"),
        calibration=_calibration(str(path), depth, colour, camera),
        depth_to_colour=camera.numbers("depth_to_colour", count=7),
        transform_from=camera.text("transform_from", TRANSFORMS),
        noise=camera.text("noise"),
        simulated_as=camera.text("simulated_as") if "simulated_as" in list(camera) else "",
        notes=camera.texts("notes"),
    )


def _folder() -> Path:
    folder = find_config("cameras")
    if folder is None:
        raise FileNotFoundError(
            "camera presets: expected config/cameras in the source checkout or in share/depth_sr_ros, found neither; "
            "install the package again"
        )
    return folder


def _parameters(section: CheckedMapping) -> dict[str, float | list[float]]:
    return {name: section.number(name) if name in _SINGLE else list(section.numbers(name, count=7)) for name in section}


def _calibration(path: str, depth: CheckedMapping, colour: CheckedMapping, camera: CheckedMapping) -> Calibration:
    motion = camera.numbers("depth_to_colour", count=7)
    try:
        return Calibration(_camera(colour), _camera(depth), extrinsics(motion))
    except ValueError as error:
        raise ValueError(f"{path}: camera: {error}") from error


def _camera(section: CheckedMapping) -> Any:
    numbers = {name: section.number(name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    lens = {"distortion": section.numbers("distortion")}
    model = {"distortion_model": section.text("distortion_model")} if "distortion_model" in list(section) else {}
    return described_camera(numbers | lens | model)
