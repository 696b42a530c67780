"""The node's publishers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.ros.conversions import to_depth_message, to_image_message, to_validity_message
from depth_sr_ros.ros.parameters import NodeParameters
from depth_sr_ros.upsampler import UpsampledDepth


class Outputs:
    """Publishes a result on the output topics that somebody listens to.

    Args:
        node: owner of the publishers.
        parameters: QoS, encoding and colours.

    Attributes:
        colormap_range: (near, far) metres at the two ends of the colours; may be changed at any time.
    """

    def __init__(self, node: Node, parameters: NodeParameters) -> None:
        self._node = node
        self._encoding = parameters.output_encoding
        self._qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=parameters.output_queue_depth,
            reliability=ReliabilityPolicy[parameters.output_reliability.upper()],
        )
        self.colormap_range = parameters.colormap_range
        self._publishers: list[Publisher] = []
        try:
            self._create(parameters.colormap)
        except Exception:
            self.destroy()
            raise

    def _create(self, colormap: bool) -> None:
        self._depth = self._publisher(Image, "depth/upsampled")
        self._valid = self._publisher(Image, "depth/valid")
        self._uncertainty = self._publisher(Image, "depth/uncertainty")
        self._camera_info = self._publisher(CameraInfo, "depth/camera_info")
        self._colormap = self._publisher(Image, "depth/colormap") if colormap else None

    def wanted(self) -> bool:
        """True when somebody subscribes to an output."""
        return any(publisher.get_subscription_count() > 0 for publisher in self._publishers)

    def uncertainty_wanted(self) -> bool:
        """True when somebody subscribes to depth/uncertainty."""
        return bool(self._uncertainty.get_subscription_count() > 0)

    def publish(self, header: Header, result: UpsampledDepth, camera_info: CameraInfo | None) -> None:
        """Publishes one frame.

        Args:
            header: of every message.
            result: the frame.
            camera_info: of the result's grid, None while no camera_info is known.
        """
        if camera_info is not None:
            self._camera_info.publish(camera_info)
        self._depth.publish(to_depth_message(result.depth, self._encoding, header))
        if self._valid.get_subscription_count():
            self._valid.publish(to_validity_message(result.valid, header))
        uncertainty = result.uncertainty if self.uncertainty_wanted() else None
        if uncertainty is not None:
            self._uncertainty.publish(to_image_message(uncertainty, "32FC1", header))
        if self._colormap and self._colormap.get_subscription_count():
            coloured = colour_depth(result.depth, *self.colormap_range)
            self._colormap.publish(to_image_message(coloured, "bgr8", header))

    def destroy(self) -> None:
        """Removes the publishers from the node."""
        while self._publishers:
            self._node.destroy_publisher(self._publishers.pop())

    def _publisher(self, kind: type, topic: str) -> Publisher:
        options = QoSOverridingOptions.with_default_policies() if kind is Image else None
        publisher = self._node.create_publisher(kind, topic, self._qos, qos_overriding_options=options)
        self._publishers.append(publisher)
        return publisher


def colour_depth(depth: NDArray[np.float32], near: float, far: float) -> NDArray[np.uint8]:
    """Depth as colours for people: near red, far blue, invalid black.

    Args:
        depth: (H, W) float32 metres, NaN invalid.
        near: distance of the red end, metres.
        far: distance of the blue end, metres.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    levels = np.nan_to_num((far - depth) * np.float32(255 / (far - near))).clip(0, 255).astype(np.uint8)
    coloured = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)
    coloured[np.isnan(depth)] = 0
    return np.asarray(coloured, np.uint8)
