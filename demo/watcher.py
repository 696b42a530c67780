"""Watches the node from outside, as any user's program would: its diagnostics and its output."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from numpy.typing import NDArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from depth_sr_ros.ros.conversions import ImageDecoder, stamp_ns

NODE, OUTPUT = "depth_sr", "depth/upsampled"


@dataclass
class NodeReport:
    """The node's newest diagnostics, all statuses together.

    Attributes:
        values: key to value, as text.
        messages: the statuses' sentences by name: `stream`, `engine`, `latency`.
        received: monotonic time of arrival; 0 before the first.
    """

    values: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    received: float = 0.0

    def number(self, key: str) -> float | None:
        """A value as a number, None where the node does not tell it yet."""
        text = self.values.get(key)
        return None if text is None else float(text)

    def count(self, key: str) -> int:
        """A counter; 0 where the node does not tell it yet."""
        return int(self.values.get(key, "0"))

    @property
    def dropped(self) -> dict[str, int]:
        """Dropped pairs by cause."""
        prefix = "dropped/"
        return {key[len(prefix) :]: int(value) for key, value in self.values.items() if key.startswith(prefix)}

    @property
    def settled(self) -> bool:
        """Whether every pair has come to its end."""
        return self.count("pairs_in") == self.count("frames_out") + sum(self.dropped.values())


class Watcher:
    """Subscribes to the node's diagnostics and output; everything happens inside `spin`.

    Args:
        keep_every: of so many output frames one is kept for comparison.
        keep_at_most: frames kept in all.
    """

    def __init__(self, keep_every: int, keep_at_most: int = 40) -> None:
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node("depth_sr_demo", start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._keep = (keep_every, keep_at_most)
        self._kept: list[bytes] = []
        self.report = NodeReport()
        self.frames = 0
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        # taken as bytes: most frames are only counted, and unpacking all of them would take time from the node
        self._node.create_subscription(Image, OUTPUT, self._on_output, qos, raw=True)

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Takes messages in for a time, or until something holds; returns whether it does."""
        deadline = time.monotonic() + seconds
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return until()
            self._executor.spin_once(timeout_sec=min(left, 0.1))
        return True

    @property
    def ready(self) -> bool:
        """Whether the node is up: it reports, and its output is known here."""
        return self.report.received > 0 and self._node.count_publishers(OUTPUT) > 0

    def kept(self) -> dict[int, NDArray[np.float32]]:
        """The kept output frames by stamp in nanoseconds: (H, W) float32 metres, NaN invalid."""
        decoder = ImageDecoder()
        messages = [deserialize_message(data, Image) for data in self._kept]
        return {stamp_ns(message): decoder.depth(message) for message in messages}

    def close(self) -> None:
        """Leaves ROS."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown()  # type: ignore[attr-defined]

    def _on_output(self, data: bytes) -> None:
        every, at_most = self._keep
        if self.frames % every == 0 and len(self._kept) < at_most:
            self._kept.append(bytes(data))
        self.frames += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        report = NodeReport(received=time.monotonic())
        for status in message.status:
            node, _, name = status.name.partition(": ")
            if node == NODE:
                report.messages[name] = status.message
                report.values |= {pair.key: pair.value for pair in status.values}
        if report.messages:
            self.report = report
