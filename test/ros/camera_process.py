"""A camera driver in a process of its own: `camera_process.py NAMESPACE WIDTH HEIGHT SCALE FRAMES RATE`.

Waits until both image topics have a subscriber, publishes images and camera_infos, best effort, waits a moment, prints
`done`. Depth is registered to colour.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.ros.conversions import to_camera_info, to_depth_message, to_image_message

namespace, (width, height, scale, frames, rate) = sys.argv[1], (int(a) for a in sys.argv[2:])

rclpy.init()
node = Node("camera", namespace=namespace)
qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
publishers = [node.create_publisher(Image, topic, qos) for topic in ("rgb/image", "depth_raw/image")]
info_publishers = [
    node.create_publisher(CameraInfo, topic, qos) for topic in ("rgb/camera_info", "depth_raw/camera_info")
]
camera = Intrinsics(width, height, 1.0 * width, 1.0 * width, width / 2, height / 2)
infos = [
    to_camera_info(c, Header(frame_id="camera")) for c in (camera, camera.resized(width // scale, height // scale))
]
rng = np.random.default_rng(0)
rgb = to_image_message(rng.integers(0, 256, (height, width, 3), np.uint8), "rgb8", Header(frame_id="camera"))
depth = to_depth_message(
    rng.uniform(1, 3, (height // scale, width // scale)).astype(np.float32), "16UC1", Header(frame_id="camera")
)
while not all(publisher.get_subscription_count() for publisher in publishers):
    time.sleep(0.02)
time.sleep(0.5)  # the subscriber must have matched too; best effort gives nothing a second time
start = time.monotonic()
for i in range(frames):
    time.sleep(max(0.0, start + i / rate - time.monotonic()))
    rgb.header.stamp = depth.header.stamp = node.get_clock().now().to_msg()
    for info_publisher, info in zip(info_publishers, infos, strict=True):
        info_publisher.publish(info)
    publishers[0].publish(rgb)
    publishers[1].publish(depth)
print(f"done {time.monotonic() - start:.2f} s", flush=True)
time.sleep(0.5)
