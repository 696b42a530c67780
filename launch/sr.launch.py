"""Starts the depth super-resolution node.

    ros2 launch depth_sr_ros sr.launch.py rgb_image:=/camera/color/image_raw rgb_info:=/camera/color/camera_info \
        depth_image:=/camera/aligned_depth/image_raw depth_info:=/camera/aligned_depth/camera_info

Precedence of parameters: a launch argument that is given wins over the parameter file, which wins over the node's
own default; an argument that is left out changes nothing.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from depth_sr_ros.ros.dds_profile import VARIABLES, use_profile
from depth_sr_ros.ros.parameters import parameter_table

SHARE = Path(get_package_share_directory("depth_sr_ros"))

TOPICS = {
    "rgb_image": ("rgb/image", "Colour image to guide by (sensor_msgs/Image)."),
    "rgb_info": ("rgb/camera_info", "Calibration of the colour camera."),
    "depth_image": ("depth_raw/image", "Coarse depth, registered to the colour camera (16UC1, mono16 or 32FC1)."),
    "depth_info": ("depth_raw/camera_info", "Calibration of the depth image."),
}
"""Launch argument: the name inside the node, what it is."""

PARAMETERS = ("model", "scale", "weights", "engine", "precision", "autostart")
"""Parameters of the node that are launch arguments too; every other one is set in the parameter file."""


def generate_launch_description() -> LaunchDescription:
    """Declares the arguments and starts the node once they are known."""
    return LaunchDescription([*_arguments(), OpaqueFunction(function=_profile), OpaqueFunction(function=_node)])


def _arguments() -> list[Action]:
    rows = {row.name: row for row in parameter_table()}
    kept = "Default: the value in the parameter file ({} as installed)."
    return [
        DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node and its topics."),
        *(DeclareLaunchArgument(name, default_value=topic, description=text) for name, (topic, text) in TOPICS.items()),
        *(
            DeclareLaunchArgument(
                name, default_value="", description=f"{rows[name].description} {kept.format(rows[name].default)}"
            )
            for name in PARAMETERS
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=str(SHARE / "config" / "sr.yaml"),
            description="Parameter file. Launch arguments that are given win over it.",
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
    """The node with the parameter file first and the given arguments after it."""
    return [
        Node(
            package="depth_sr_ros",
            executable="depth_sr_node",
            name="depth_sr",
            namespace=LaunchConfiguration("namespace"),
            parameters=[LaunchConfiguration("params_file"), _overrides(context)],
            remappings=[(inner, LaunchConfiguration(name)) for name, (inner, _) in TOPICS.items()],
            ros_arguments=["--log-level", LaunchConfiguration("log_level")],
            output="screen",
            emulate_tty=True,
        )
    ]


def _overrides(context: LaunchContext) -> dict[str, ParameterValue]:
    """Parameters of the arguments that were given, read as the type that the node declares."""
    texts = {row.name for row in parameter_table() if row.type == "string"}
    given = {name: LaunchConfiguration(name) for name in (*PARAMETERS, "use_sim_time")}
    # Without a type the text is read as YAML: a number, true or false.
    return {
        name: ParameterValue(value, value_type=str if name in texts else None)
        for name, value in given.items()
        if value.perform(context)
    }
