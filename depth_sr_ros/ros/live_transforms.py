"""What /tf_static says, kept for the thread that needs it.

The topic's message type comes with ROS only (tf2_msgs is not on PyPI). Where it is missing the topic cannot be read,
and `found` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from threading import Lock
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from depth_sr_ros.cameras.transforms import Matrix, StaticTransforms

TOPIC = "/tf_static"
"""One for the whole system, whatever the node's namespace, as tf2 has it."""

QOS = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
"""Publishers of the topic keep what they sent for those that come later."""

UNREADABLE = f"no way to read {TOPIC} here, since tf2_msgs is not installed (it comes with ROS)"
"""What is found instead of transforms without a ROS installation."""


def message_type() -> Any:
    """The type of the topic's messages, None where it is not installed."""
    try:
        return import_module("tf2_msgs.msg").TFMessage
    except ImportError:
        return None


class LiveTransforms:
    """Keeps the tree of static transforms; written by the executor, read by the inference thread.

    Args:
        warn: takes a sentence about a transform that cannot be used.

    Attributes:
        readable: whether the topic can be read here.
        version: grows with every message.
    """

    def __init__(self, warn: Callable[[str], object] = lambda sentence: None) -> None:
        self.readable = message_type() is not None
        self.version = 0
        self._warn = warn
        self._tree = StaticTransforms()
        self._lock = Lock()

    def keep(self, message: Any) -> None:
        """Takes a tf2_msgs/TFMessage in."""
        try:
            with self._lock:
                self._tree.add(message)
        except ValueError as error:
            self._warn(f"{TOPIC}: {error}; correct what its publisher was given")
        self.version += 1

    def between(self, source: str, target: str) -> Matrix | None:
        """Takes points from one frame's coordinates to another's; None where nothing connects them."""
        with self._lock:
            return self._tree.between(source, target)

    def found(self) -> str:
        """What there is where two frames are not connected."""
        if not self.readable:
            return UNREADABLE
        with self._lock:
            return ", ".join(self._tree.frames())
