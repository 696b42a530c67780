"""Starts the depth super-resolution node.

    ros2 launch depth_sr_ros sr.launch.py camera:=azure_kinect
    ros2 launch depth_sr_ros sr.launch.py rgb_image:=/camera/color/image_raw rgb_info:=/camera/color/camera_info \
        depth_image:=/camera/depth/image_raw depth_info:=/camera/depth/camera_info

Precedence of topics and parameters: a launch argument that is given wins over a parameter file that is given, which
wins over the camera's preset, which wins over the installed config/sr.yaml and the node's own defaults. An argument
that is left out changes nothing.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from depth_sr_ros.cameras.presets import TRANSFORMS, Preset, find_preset, preset_names
from depth_sr_ros.command_line import seven_numbers
from depth_sr_ros.ros.dds_profile import VARIABLES, use_profile
from depth_sr_ros.ros.parameters import parameter_table

SHARE = Path(get_package_share_directory("depth_sr_ros"))
DEFAULTS = str(SHARE / "config" / "sr.yaml")

TOPICS = {
    "rgb_image": ("rgb/image", "Colour image to guide by (sensor_msgs/Image)."),
    "rgb_info": ("rgb/camera_info", "Calibration of the colour camera, lens included."),
    "depth_image": ("depth_raw/image", "Depth, raw or registered to colour (16UC1, mono16 or 32FC1)."),
    "depth_info": ("depth_raw/camera_info", "Calibration of the depth image; with that of colour it says which."),
}
"""Launch argument: the name inside the node, what it is."""

PARAMETERS = ("model", "scale", "weights", "engine", "precision", "depth_to_colour", "autostart")
"""Parameters of the node that are launch arguments too; every other one is set in the parameter file."""


def generate_launch_description() -> LaunchDescription:
    """Declares the arguments and starts the node once they are known."""
    return LaunchDescription([*_arguments(), OpaqueFunction(function=_profile), OpaqueFunction(function=_node)])


def _arguments() -> list[Action]:
    rows = {row.name: row for row in parameter_table()}
    kept = "Default: the value in the parameter file ({} as installed)."
    return [
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node and its topics."),
        DeclareLaunchArgument(
            "camera",
            default_value="",
            description="Preset with topics and parameters of a depth camera; `depth-sr cameras` lists them. Known: "
            f"{', '.join(preset_names())}.",
        ),
        *(
            DeclareLaunchArgument(
                name, default_value="", description=f"{text} Default: the topic of the camera's preset, else {topic}."
            )
            for name, (topic, text) in TOPICS.items()
        ),
        *(
            DeclareLaunchArgument(
                name, default_value="", description=f"{rows[name].description} {kept.format(rows[name].default)}"
            )
            for name in PARAMETERS
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=DEFAULTS,
            description="Parameter file. It wins over the camera's preset, and launch arguments win over it.",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value="",
            description="Take time from /clock: true or false. Default: the value in the parameter file, else false.",
        ),
        DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error or fatal."),
        DeclareLaunchArgument(
            "fastdds_profile",
            default_value="auto",
            description="Fast DDS profile for this and all later processes of the launch. auto: the installed "
            f"config/fastdds.xml, unless {' or '.join(VARIABLES)} is set; none: leave it alone; else a path.",
        ),
    ]


def _profile(context: LaunchContext) -> list[Action]:
    """Puts the profile in force for the whole launch: the shared-memory segment belongs to the publisher, a camera."""
    wanted = LaunchConfiguration("fastdds_profile").perform(context)
    if wanted == "none":
        return []
    if wanted == "auto":
        return [LogInfo(msg=f"Fast DDS profile: {use_profile(context.environment)}")]
    if not Path(wanted).is_file():
        raise FileNotFoundError(
            f"fastdds_profile: expected an existing file, found {wanted!r}; "
            "give a path, auto for the installed one, or none for the defaults of Fast DDS"
        )
    return [SetEnvironmentVariable(name, wanted) for name in VARIABLES]


def _node(context: LaunchContext) -> list[Action]:
    """The node with the topics and parameters of everything that was given."""
    name = LaunchConfiguration("camera").perform(context)
    preset = find_preset(name) if name else None
    node = Node(
        package="depth_sr_ros",
        executable="depth_sr_node",
        name="depth_sr",
        namespace=LaunchConfiguration("namespace"),
        parameters=[*_parameter_files(context, preset), _overrides(context)],
        remappings=list(_topics(context, preset).items()),
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
        emulate_tty=True,
    )
    return [node] if preset is None else [LogInfo(msg=_told(preset)), node]


def _told(preset: Preset) -> str:
    transform = TRANSFORMS[preset.transform_from]
    return f"Camera preset {preset.name}: {preset.title}. Transform from depth to colour: {transform}."


def _topics(context: LaunchContext, preset: Preset | None) -> dict[str, str]:
    """What each of the node's names is remapped to."""
    known = preset.topics if preset else {}
    return {
        inner: LaunchConfiguration(name).perform(context) or known.get(name, inner)
        for name, (inner, _) in TOPICS.items()
    }


def _parameter_files(context: LaunchContext, preset: Preset | None) -> list[str | dict[str, float | list[float]]]:
    """Files and the preset's values; later ones win."""
    file = LaunchConfiguration("params_file").perform(context)
    values = [dict(preset.parameters)] if preset else []
    # the installed file holds every default, and would put them in the place of the preset's values
    return [file, *values] if file == DEFAULTS else [*values, file]


def _overrides(context: LaunchContext) -> dict[str, ParameterValue | list[float]]:
    """Parameters of the arguments that were given, read as the type that the node declares."""
    given = {name: LaunchConfiguration(name) for name in (*PARAMETERS, "use_sim_time")}
    types = {row.name: row.type for row in parameter_table()}
    return {
        name: _value(context, value, types.get(name, "bool")) for name, value in given.items() if value.perform(context)
    }


def _value(context: LaunchContext, given: LaunchConfiguration, kind: str) -> ParameterValue | list[float]:
    if kind == "seven numbers":
        # launch takes no list in which whole numbers stand beside others
        return list(seven_numbers(given.perform(context).strip("[] ")))
    # Without a type the text is read as YAML: a number, true or false.
    return ParameterValue(given, value_type=str if kind == "string" else None)
