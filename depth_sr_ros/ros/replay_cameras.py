"""What a replay tells of a recording's cameras beside its images: how depth lies to colour.

The motion between the cameras goes out on /tf_static, where its messages can be made, and to every node that subscribes
to the depth topic and has the parameter `depth_to_colour`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from depth_sr_ros.cameras.relation import relate
from depth_sr_ros.cameras.transforms import Matrix, quaternion
from depth_sr_ros.recordings.image_files import DEPTH_FRAME_ID, FRAME_ID
from depth_sr_ros.recordings.recording import RecordedFrame, Recording
from depth_sr_ros.ros.live_transforms import QOS, TOPIC, message_type

PARAMETER = "depth_to_colour"

_ATTEMPTS, _ANSWER_S = 3, 1.0  # DDS loses an answer when the server has not met the client's reader yet
_PATIENCE_S, _AGAIN_S = (
    5.0,
    0.1,
)  # how long nodes are asked that do not answer, and the pause before they are asked again
_UNKNOWN_NODE = "_NODE_NAME_UNKNOWN_"  # what rmw calls one whose name has not come yet
_NONE = [0.0] * 7

Say = Callable[[str], None]


class RecordedCameras:
    """How a recording's depth lies to its colour, and who is told of it.

    Args:
        recording: what is replayed.
        say: gets a line about what was found and done.
    """

    def __init__(self, recording: Recording, say: Say) -> None:
        found = recording.evidence()
        self._relation, self._say = relate(found), say
        self._frames = found.frames or (FRAME_ID, DEPTH_FRAME_ID)  # which image files are published with
        self._depth_has_own = found.depth is not None
        self._publisher: Publisher | None = None
        say(f"{recording.name}: {self._relation.reason}")

    @property
    def motion(self) -> list[float]:
        """`depth_to_colour`, x y z qx qy qz qw; zeros for depth that is registered, or where it is not known."""
        cameras = self._relation.calibration
        return list(_NONE) if cameras is None or cameras.depth_to_colour is None else numbers(cameras.depth_to_colour)

    def known(self, frame: RecordedFrame) -> bool:
        """Whether a frame's camera is the one that its images come from.

        Where depth has no camera_info, a recording takes it for registered; it is told as such only where it is.
        """
        return frame.stream == "colour" or self._depth_has_own or self._relation.kind == "registered"

    def publish(self, node: Node) -> None:
        """Publishes the motion on /tf_static, where both frames have names of their own and tf2_msgs is installed."""
        cameras, kind = self._relation.calibration, message_type()
        colour, depth = self._frames
        if cameras is None or cameras.depth_to_colour is None or kind is None or colour == depth:
            return
        self._publisher = node.create_publisher(kind, TOPIC, QOS)
        stamp = node.get_clock().now().to_msg()
        self._publisher.publish(kind(transforms=[transform(colour, depth, cameras.depth_to_colour, stamp)]))

    def hand_over(self, node: Node, topic: str) -> None:
        """Sets the parameter of every node that subscribes to the depth topic; says what to set where there is none.

        Args:
            node: asks.
            topic: of the depth images, as `node` names it.
        """
        if self._relation.kind == "unknown":
            return
        wanted, deadline = self.motion, time.monotonic() + _PATIENCE_S
        told: set[str] = set()
        while True:
            # a subscription may be known before its node's name is, and a node before its services
            names = _subscribers(node, topic)
            answers = {name: self._set(node, name, wanted) for name in names if name not in told}
            told |= {name for name, has in answers.items() if has}
            if None not in answers.values() or time.monotonic() > deadline:
                break
            time.sleep(_AGAIN_S)
        if not told and any(wanted):
            self._say(f"no node with the parameter {PARAMETER} subscribes to {topic}; give it {PARAMETER}: {wanted}")

    def _set(self, node: Node, name: str, wanted: list[float]) -> bool | None:
        """Whether a node has the parameter, which then has the value; None where it cannot be asked yet."""
        if name.endswith(_UNKNOWN_NODE):
            return None
        held = _call(node, GetParameters, f"{name}/get_parameters", GetParameters.Request(names=[PARAMETER]))
        if held is None:
            return None
        if not held.values or held.values[0].type != ParameterType.PARAMETER_DOUBLE_ARRAY:
            return False
        if list(held.values[0].double_array_value) == wanted:
            return True
        value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=wanted)
        request = SetParameters.Request(parameters=[Parameter(name=PARAMETER, value=value)])
        answer = _call(node, SetParameters, f"{name}/set_parameters", request)
        done = answer is not None and answer.results[0].successful
        reason = "no answer" if answer is None else answer.results[0].reason
        self._say(f"{name}: {PARAMETER} {'' if done else 'not '}set to {wanted}{'' if done else f': {reason}'}")
        return True


def numbers(matrix: Matrix) -> list[float]:
    """X y z qx qy qz qw of a rigid motion (4, 4)."""
    return [*map(float, matrix[:3, 3]), *quaternion(matrix[:3, :3])]


def transform(parent: str, child: str, matrix: Matrix, stamp: Any) -> TransformStamped:
    """The message that says how a child frame stands in its parent's, by the motion that takes points there."""
    x, y, z, qx, qy, qz, qw = numbers(matrix)
    moved = Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw))
    return TransformStamped(header=Header(frame_id=parent, stamp=stamp), child_frame_id=child, transform=moved)


def _subscribers(node: Node, topic: str) -> Sequence[str]:
    """Full names of the nodes that subscribe to a topic."""
    found = node.get_subscriptions_info_by_topic(node.resolve_topic_name(topic))
    return sorted({f"{each.node_namespace.rstrip('/')}/{each.node_name}" for each in found})


def _call(node: Node, kind: type, service: str, request: Any) -> Any:
    """The answer of a service, None where none comes. The request may arrive more than once."""
    client = node.create_client(kind, service)
    try:
        for _ in range(_ATTEMPTS):
            if not client.wait_for_service(_ANSWER_S):
                return None
            future = client.call_async(request)
            rclpy.spin_until_future_complete(node, future, timeout_sec=_ANSWER_S)
            if future.done():
                return future.result()
    finally:
        node.destroy_client(client)
    return None
