"""The node's subscriptions: they count and store what arrives, by reference, and hand complete pairs on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image

from depth_sr_ros.recordings.pairing import PairingCounters
from depth_sr_ros.ros.camera_infos import CameraInfos
from depth_sr_ros.ros.conversions import stamp_ns
from depth_sr_ros.ros.endpoints import incompatibility_events, topic_facts
from depth_sr_ros.ros.live_transforms import QOS, TOPIC, LiveTransforms, message_type
from depth_sr_ros.ros.parameters import NodeParameters
from depth_sr_ros.ros.silence import TopicFacts
from depth_sr_ros.ros.statistics import NodeStatistics
from depth_sr_ros.ros.synchroniser import DEPTH, RGB, make_synchroniser


@dataclass(frozen=True)
class Received:
    """A message and the monotonic time of its receipt, seconds."""

    message: Image
    at: float


@dataclass(frozen=True)
class ReceivedPair:
    """A colour and a depth image that belong together."""

    rgb: Received
    depth: Received


class Inputs:
    """Subscribes to the four input topics, and to /tf_static where it can be read.

    Args:
        node: owner of the subscriptions.
        parameters: QoS and pairing.
        statistics: rates and stamp distances are entered here.
        infos: the newest camera_info messages are kept here.
        transforms: static transforms are kept here.
        on_pair: takes every pair, on the executor's thread; must return at once.
    """

    def __init__(
        self,
        node: Node,
        parameters: NodeParameters,
        statistics: NodeStatistics,
        infos: CameraInfos,
        transforms: LiveTransforms,
        on_pair: Callable[[ReceivedPair], None],
    ) -> None:
        self._node = node
        self._statistics = statistics
        self._on_pair = on_pair
        self._offsets_ns = (0, round(parameters.depth_stamp_offset * 1e9))
        self._synchroniser = make_synchroniser(parameters.slop_ns, parameters.sync_queue_size)
        self._subscriptions: list[Subscription] = []
        try:
            self._subscribe(parameters, infos)
            if transforms.readable:
                subscription = node.create_subscription(message_type(), TOPIC, transforms.keep, QOS)
                self._subscriptions.append(subscription)
        except Exception:
            self.destroy()
            raise

    @property
    def pairing(self) -> PairingCounters:
        """What has been received, paired and left over."""
        return self._synchroniser.counters

    def facts(self, now: float, mute_after: float) -> tuple[TopicFacts, TopicFacts]:
        """What is known about the colour and the depth topic.

        Args:
            now: monotonic time, seconds.
            mute_after: seconds without a message after which a topic counts as mute.
        """
        rgb, depth = (
            topic_facts(self._node, subscription, meter.hz(now), meter.last is None or now - meter.last > mute_after)
            for subscription, meter in zip(
                self._subscriptions[:2], (self._statistics.rgb, self._statistics.depth), strict=True
            )
        )
        return rgb, depth

    def destroy(self) -> None:
        """Removes the subscriptions from the node."""
        while self._subscriptions:
            self._node.destroy_subscription(self._subscriptions.pop())

    def _subscribe(self, parameters: NodeParameters, infos: CameraInfos) -> None:
        for stream, topic in ((RGB, "rgb/image"), (DEPTH, "depth_raw/image")):
            qos = QoSProfile(
                history=HistoryPolicy.KEEP_LAST,
                depth=parameters.input_queue_depth,
                reliability=ReliabilityPolicy[parameters.input_reliability.upper()],
            )
            subscription = self._node.create_subscription(
                Image, topic, partial(self._on_image, stream), qos,
                event_callbacks=incompatibility_events(self._node, topic, qos),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )  # fmt: skip
            self._subscriptions.append(subscription)
        info_qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        for topic, keep in (("rgb/camera_info", infos.keep_rgb), ("depth_raw/camera_info", infos.keep_depth)):
            self._subscriptions.append(self._node.create_subscription(CameraInfo, topic, keep, info_qos))

    def _on_image(self, stream: int, message: Image) -> None:
        now = time.monotonic()
        (self._statistics.rgb, self._statistics.depth)[stream].tick(now)
        pair = self._synchroniser.add(stream, stamp_ns(message) + self._offsets_ns[stream], Received(message, now))
        if pair is None:
            return
        rgb, depth = pair
        distance_ns = stamp_ns(depth.message) + self._offsets_ns[DEPTH] - stamp_ns(rgb.message)
        self._statistics.stamp_distance_ms.add(abs(distance_ns) * 1e-6)
        self._statistics.pairs.tick(now)
        self._on_pair(ReceivedPair(rgb, depth))
