"""Looks at the other side of a topic: who publishes, of which type, and whether the QoS fits."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible, qos_policy_name_from_kind
from rclpy.subscription import Subscription

from depth_sr_ros.ros.silence import TopicFacts

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # before Iron
    from rclpy.qos_event import SubscriptionEventCallbacks

_IMAGE = "sensor_msgs/msg/Image"


def topic_facts(node: Node, subscription: Subscription, hz: float, mute: bool) -> TopicFacts:
    """What is known about the publishers of a subscribed topic.

    Args:
        node: node that owns the subscription.
        subscription: of images.
        hz: rate at which its messages arrive.
        mute: nothing has arrived for a while.
    """
    offers = node.get_publishers_info_by_topic(subscription.topic_name)
    images = [offer for offer in offers if offer.topic_type == _IMAGE]
    wrong_type = offers[0].topic_type if offers and not images else None
    problems = [policies_in_conflict(offer.qos_profile, subscription.qos_profile) for offer in images]
    incompatible = problems[0] if problems and all(problems) else None
    return TopicFacts(subscription.topic_name, len(offers), wrong_type, incompatible, hz, mute)


def policies_in_conflict(offered: QoSProfile, requested: QoSProfile) -> str | None:
    """Names both sides' policies when they cannot be connected, None when they can."""
    if qos_check_compatible(offered, requested)[0] != QoSCompatibility.ERROR:
        return None
    return f"the publisher offers {_policies(offered)}, this node requests {_policies(requested)}"


def incompatibility_events(node: Node, topic: str, requested: QoSProfile) -> SubscriptionEventCallbacks:
    """Event callbacks that tell at once when a publisher with unfitting QoS appears.

    Args:
        node: logs the sentence.
        topic: name as subscribed.
        requested: the subscription's QoS.
    """

    def warn(event: Any) -> None:
        name = node.resolve_topic_name(topic)
        offers = [offer.qos_profile for offer in node.get_publishers_info_by_topic(name)]
        conflicts = [conflict for conflict in (policies_in_conflict(o, requested) for o in offers) if conflict]
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        detail = conflicts[0] if conflicts else f"this node requests {_policies(requested)}"
        node.get_logger().warning(
            f"{name}: the QoS of a publisher is incompatible ({policy}): {detail}; nothing arrives from it"
        )

    return SubscriptionEventCallbacks(incompatible_qos=warn)


def _policies(qos: QoSProfile) -> str:
    return f"reliability {qos.reliability.name}, durability {qos.durability.name}"
