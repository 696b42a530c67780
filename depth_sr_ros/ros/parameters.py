"""The node's parameters: one frozen dataclass, from which declaration, README table and comments are made.

Parameters are read-only after start unless marked dynamic. A value that cannot be used is kept as a sentence (expected,
found, what to change) and makes the configure transition fail; it never raises while the node starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, NamedTuple

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, ParameterType
from rclpy.node import Node
from rclpy.parameter import Parameter

from depth_sr_ros.cameras.calibration import extrinsics
from depth_sr_ros.cameras.transforms import Matrix
from depth_sr_ros.recordings.pairing import LONGEST_QUEUE


def _parameter(
    default: Any,
    description: str,
    *,
    choices: tuple[str, ...] = (),
    limits: tuple[float, float] | None = None,
    dynamic: bool = False,
) -> Any:
    """A field with its descriptor; `limits` are inclusive."""
    metadata = {"description": description, "choices": choices, "limits": limits, "dynamic": dynamic}
    if isinstance(default, tuple):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class NodeParameters:
    """Every parameter of the node; descriptions and limits are in the fields' metadata."""

    model: str = _parameter("fdkn", "Network, by name.", dynamic=True)
    scale: int = _parameter(
        0,
        "0 serves any ratio of colour to depth, or takes the scale of `weights`; a number asks for the papers' "
        "networks.",
        limits=(0, 64),
        dynamic=True,
    )
    weights: str = _parameter(
        "",
        "Folder of an artifact; empty: the shipped one. Setting the same folder again reads it again.",
        dynamic=True,
    )
    engine: str = _parameter(
        "auto",
        "Runtime: auto, tensorrt, torch-cuda, openvino, onnxruntime or torch; auto: the first that runs here.",
        dynamic=True,
    )
    precision: str = _parameter(
        "auto",
        "Arithmetic of the network: auto, fp32, bf16, fp16 or int8; auto: the fastest here within 1 % of fp32's error.",
        dynamic=True,
    )
    threads: int = _parameter(0, "Threads of the CPU engine; 0: chosen by the engine.", limits=(0, 1024))
    engine_cache: str = _parameter(
        "", "Folder for built engines; empty: `trt_engines/` in a source checkout, else the user's cache folder."
    )
    keep_previous: bool = _parameter(
        True, "Keep the previous engine in memory after a change, so that `roll_back` takes no longer than a frame."
    )
    slop: float = _parameter(
        0.02, "Largest difference between the stamps of a colour and a depth image, seconds.", limits=(0.0, 10.0)
    )
    sync_queue_size: int = _parameter(10, "Images per topic that wait for their partner.", limits=(2, LONGEST_QUEUE))
    depth_stamp_offset: float = _parameter(
        0.0, "Seconds added to depth stamps for pairing only; published stamps are unchanged.", limits=(-10.0, 10.0)
    )
    input_queue_depth: int = _parameter(2, "QoS history depth of the image subscriptions.", limits=(1, 10))
    output_queue_depth: int = _parameter(5, "QoS history depth of the publishers.", limits=(1, 10))
    input_reliability: str = _parameter(
        "best_effort", "QoS reliability of the subscriptions; best_effort receives from every publisher.",
        choices=("best_effort", "reliable"),
    )  # fmt: skip
    output_reliability: str = _parameter(
        "reliable", "QoS reliability of the publishers; reliable serves every subscriber.",
        choices=("reliable", "best_effort"),
    )  # fmt: skip
    depth_unit: float = _parameter(
        0.0, "Metres per raw depth unit; 0: by the encoding (16UC1 millimetres, 32FC1 metres).", limits=(0.0, 1000.0)
    )
    depth_min: float = _parameter(0.0, "Nearest depth that counts, metres.", limits=(0.0, 1000.0))
    depth_max: float = _parameter(0.0, "Farthest depth that counts, metres; 0: no limit.", limits=(0.0, 1000.0))
    depth_to_colour: tuple[float, ...] = _parameter(
        (0.0,) * 7,
        "How the depth camera stands to the colour camera, [x, y, z, qx, qy, qz, qw]: takes points, in metres, from "
        "the depth camera's optical frame to the colour camera's. All zeros: from /tf_static.",
        dynamic=True,
    )
    assume_registered: bool = _parameter(
        False, "Take depth as registered to colour, whatever cameras, sizes and frames say."
    )
    fill_holes: bool = _parameter(
        False, "Fill holes with distances continued from their surroundings; depth/valid still marks them."
    )
    output_encoding: str = _parameter(
        "32FC1", "Encoding of depth/upsampled: 32FC1 metres with NaN invalid, or 16UC1 millimetres with 0 invalid.",
        choices=("32FC1", "16UC1"),
    )  # fmt: skip
    colormap: bool = _parameter(False, "Publish depth/colormap, a coloured bgr8 image for viewing.")
    colormap_range: tuple[float, float] = _parameter(
        (0.3, 5.0), "Distances at the ends of the colour map, [near, far] metres.", limits=(0.0, 1000.0), dynamic=True
    )
    always_infer: bool = _parameter(False, "Run the network even while nobody subscribes.")
    silence_after: float = _parameter(
        3.0,
        "Seconds without a pair, or spent on one frame, after which the node looks for the cause and reports it.",
        limits=(0.5, 3600.0),
    )
    autostart: bool = _parameter(True, "Configure and activate at start; false: leave that to a lifecycle manager.")

    @property
    def slop_ns(self) -> int:
        """The slop in nanoseconds."""
        return round(self.slop * 1e9)


class ParameterRow(NamedTuple):
    """One line of the parameter table, as text."""

    name: str
    type: str
    default: str
    allowed: str
    dynamic: bool
    description: str


_KINDS = {
    "str": (ParameterType.PARAMETER_STRING, "string"),
    "int": (ParameterType.PARAMETER_INTEGER, "integer"),
    "float": (ParameterType.PARAMETER_DOUBLE, "number"),
    "bool": (ParameterType.PARAMETER_BOOL, "bool"),
    "tuple[float, float]": (ParameterType.PARAMETER_DOUBLE_ARRAY, "two numbers"),
    "tuple[float, ...]": (ParameterType.PARAMETER_DOUBLE_ARRAY, "seven numbers"),
}
_LENGTHS = {"tuple[float, float]": 2, "tuple[float, ...]": 7}
_FIELDS: dict[str, Field[Any]] = {f.name: f for f in fields(NodeParameters)}

DYNAMIC: tuple[str, ...] = tuple(name for name, f in _FIELDS.items() if f.metadata["dynamic"])
"""Parameters that can be changed while the node runs."""


def _kind(parameter: Field[Any]) -> tuple[int, str]:
    return _KINDS[str(parameter.type)]


def _default(parameter: Field[Any]) -> Any:
    if parameter.default_factory is not MISSING:
        return list(parameter.default_factory())
    return parameter.default


def _allowed(parameter: Field[Any]) -> str:
    if parameter.metadata["choices"]:
        return ", ".join(parameter.metadata["choices"])
    limits = parameter.metadata["limits"]
    return f"{limits[0]:g} to {limits[1]:g}" if limits else ""


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def parameter_table() -> list[ParameterRow]:
    """One row per parameter, in the order of the dataclass."""
    return [
        ParameterRow(
            f.name, _kind(f)[1], _yaml(_default(f)), _allowed(f), f.metadata["dynamic"], f.metadata["description"]
        )
        for f in _FIELDS.values()
    ]


def parameters_markdown() -> str:
    """The parameter table for the README."""
    lines = ["| parameter | type | default | allowed | meaning |", "|---|---|---|---|---|"]
    for row in parameter_table():
        meaning = row.description + (" *(dynamic)*" if row.dynamic else "")
        lines.append(f"| `{row.name}` | {row.type} | `{row.default}` | {row.allowed} | {meaning} |")
    return "\n".join(lines) + "\n"


def parameters_yaml() -> str:
    """A parameter file with every parameter at its default, commented; valid for any node name and namespace."""
    lines = ["/**:", "  ros__parameters:"]
    for row in parameter_table():
        allowed = f" Allowed: {row.allowed}." if row.allowed else ""
        dynamic = " Can be changed while the node runs." if row.dynamic else ""
        lines += [f"    # {row.description}{allowed}{dynamic}", f"    {row.name}: {row.default}"]
    return "\n".join(lines) + "\n"


def _descriptor(parameter: Field[Any]) -> ParameterDescriptor:
    kind, limits = _kind(parameter)[0], parameter.metadata["limits"]
    descriptor = ParameterDescriptor(
        description=parameter.metadata["description"],
        additional_constraints=_allowed(parameter),
        type=kind,
        read_only=not parameter.metadata["dynamic"],
    )
    if limits and kind == ParameterType.PARAMETER_INTEGER:
        descriptor.integer_range = [IntegerRange(from_value=int(limits[0]), to_value=int(limits[1]), step=0)]
    elif limits and kind == ParameterType.PARAMETER_DOUBLE:
        descriptor.floating_point_range = [FloatingPointRange(from_value=limits[0], to_value=limits[1], step=0.0)]
    return descriptor


def problem_with(name: str, value: Any) -> str | None:
    """Says in one sentence why a value cannot be used, None where it can.

    Args:
        name: a parameter of `NodeParameters`.
        value: as rclpy delivers it.
    """
    parameter = _FIELDS[name]
    expected = _kind(parameter)[1] + (f" ({_allowed(parameter)})" if _allowed(parameter) else "")
    found = value if isinstance(value, str | bool | int | float) else [] if value is None else list(value)
    if _fits_type(parameter, value) and _fits_range(parameter, value):
        return _motion_problem(name, value)
    return f"parameter {name}: expected {expected}, found {found!r}; change it in the parameter file or launch argument"


def motion_of(numbers: Sequence[float]) -> Matrix | None:
    """The 4x4 matrix of `depth_to_colour`; None for zeros, which stand for nothing given.

    Raises:
        ValueError: no rigid motion.
    """
    return extrinsics(numbers) if any(numbers) else None


def _motion_problem(name: str, value: Any) -> str | None:
    if name != "depth_to_colour":
        return None
    try:
        motion_of(list(value))
    except ValueError as error:
        return f"parameter {name}: {error}; the last four numbers are a quaternion, 0 0 0 1 for no rotation"
    return None


def _fits_type(parameter: Field[Any], value: Any) -> bool:
    kind = str(parameter.type)
    if length := _LENGTHS.get(kind):
        return hasattr(value, "__len__") and len(value) == length and all(type(v) in (int, float) for v in value)
    # A whole number is a number too: YAML and the command line read `1` as an integer.
    return type(value).__name__ == kind or (kind == "float" and type(value) is int)


def _fits_range(parameter: Field[Any], value: Any) -> bool:
    choices, limits = parameter.metadata["choices"], parameter.metadata["limits"]
    if choices and value not in choices:
        return False
    values = list(value) if hasattr(value, "__len__") and not isinstance(value, str) else [value]
    if limits and not all(math.isfinite(v) and limits[0] <= v <= limits[1] for v in values):
        return False
    return len(values) != 2 or values[0] < values[1]  # the ends of a range


def declare_parameters(node: Node) -> tuple[NodeParameters, list[str]]:
    """Declares every parameter on the node and reads it.

    Args:
        node: node whose overrides (command line, parameter file) hold.

    Returns:
        The parameters, with defaults in place of values that cannot be used, and one sentence per such value.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    overrides = parameter_overrides(node)
    for name, parameter in _FIELDS.items():
        value = overrides[name].value if name in overrides else _default(parameter)
        problem = problem_with(name, value)
        if problem:
            problems.append(problem)
            value = _default(parameter)
        # Checked above with a sentence of our own; rclpy would raise on a wrong type or range.
        node.declare_parameter(name, _typed(parameter, value), _descriptor(parameter), ignore_override=True)
        values[name] = _plain(node.get_parameter(name).value)
    return NodeParameters(**values), problems


def parameter_overrides(node: Node) -> dict[str, Parameter]:
    """The values given to the node from outside, declared or not."""
    # rclpy keeps them in this attribute and offers no public reader.
    return dict(getattr(node, "_parameter_overrides", {}))


def unknown_names(node: Node, prefix: str = "") -> list[str]:
    """Sentences about overrides that no declaration asks for, with the nearest known name.

    Args:
        node: node after its declarations.
        prefix: "qos_overrides." looks only at those, "" at all others.
    """
    given = [n for n in parameter_overrides(node) if n.startswith("qos_overrides.") == bool(prefix)]
    known = list(node.get_parameters_by_prefix(""))
    return [_unknown(name, known) for name in given if not node.has_parameter(name)]


def _unknown(name: str, known: list[str]) -> str:
    nearest = get_close_matches(name, known, n=1, cutoff=0.0)
    return f"parameter {name}: expected a known name, found this one; did you mean {nearest[0]}? It has no effect now"


def _typed(parameter: Field[Any], value: Any) -> Any:
    if str(parameter.type) == "float":
        return float(value)
    return [float(v) for v in value] if str(parameter.type) in _LENGTHS else value


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else tuple(value)
