"""Publishes a recording onto the topics the node subscribes to, at the recorded rate.

camera_infos have the lenses' distortion. How the cameras stand to each other is told beforehand; see `replay_cameras`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

import rclpy
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import try_shutdown
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.recordings.recording import RecordedFrame, Recording
from depth_sr_ros.ros.conversions import to_camera_info, to_image_message
from depth_sr_ros.ros.replay_cameras import RecordedCameras

TOPICS = {"colour": ("rgb/image", "rgb/camera_info"), "depth": ("depth_raw/image", "depth_raw/camera_info")}
"""Image and camera_info topic of each stream: those that the node subscribes to."""

_NANOSECONDS = 1_000_000_000
_REPORT_EVERY_S = 2.0
_POLL_S = 0.05
# a publisher may know of a subscriber before that one knows of it; what is sent in between is lost
_MATCH_S = 0.4


@dataclass(frozen=True)
class ReplayOptions:
    """How a recording is replayed.

    Attributes:
        speed: times the recorded speed.
        loop: again from the start, until interrupted.
        stamps: `recorded` publishes the stamps of the recording, which start again with every round, and every frame
            however late; `now` moves them to the present, their differences divided by `speed`, and skips a frame that
            is due no more, as a camera would. None takes `recorded` for one round and `now` for a loop.
        reliability: `reliable` or `best_effort`.
        queue_size: images the publishers hold for slow subscribers.
        wait_s: how long to wait for subscribers on both image topics before the first frame.
        seconds: stop after this time; None plays to the end.
    """

    speed: float = 1.0
    loop: bool = False
    stamps: Literal["recorded", "now"] | None = None
    reliability: Literal["reliable", "best_effort"] = "reliable"
    queue_size: int = 5
    wait_s: float = 3.0
    seconds: float | None = None


@dataclass
class ReplayCounts:
    """What was replayed.

    Attributes:
        published: images by stream.
        failed: frames that could not be read, by cause.
        skipped: frames left out because this machine did not keep up.
        latest_s: how far the worst frame was behind its time, seconds.
        elapsed_s: since the first frame.
    """

    published: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    latest_s: float = 0.0
    elapsed_s: float = 0.0

    def summary(self) -> str:
        """One line for the terminal."""
        depth = self.published["depth"]
        rate = depth / self.elapsed_s if self.elapsed_s > 0 else 0.0
        failed = "".join(f", {count} unreadable ({cause})" for cause, count in sorted(self.failed.items()))
        skipped = f", {self.skipped} skipped to keep up" if self.skipped else ""
        return (
            f"{self.published['colour']} colour and {depth} depth images in {self.elapsed_s:.1f} s ({rate:.1f} Hz), "
            f"at most {self.latest_s * 1e3:.0f} ms late{skipped}{failed}"
        )


class ReplayPublisher:
    """The four publishers of a replay.

    Args:
        node: publishes; its namespace and remappings apply.
        options: reliability and queue size.
    """

    def __init__(self, node: Node, options: ReplayOptions) -> None:
        policy = {"reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}
        qos = QoSProfile(
            history=HistoryPolicy.KEEP_LAST, depth=options.queue_size, reliability=policy[options.reliability]
        )
        self._publishers: dict[str, tuple[Publisher, Publisher]] = {
            stream: (node.create_publisher(Image, image, qos), node.create_publisher(CameraInfo, info, qos))
            for stream, (image, info) in TOPICS.items()
        }

    def matched(self) -> bool:
        """Whether both image topics have a subscriber."""
        return all(image.get_subscription_count() > 0 for image, _ in self._publishers.values())

    def publish(self, stream: str, image: Image, info: CameraInfo | None) -> None:
        """Publishes one image, its camera_info first."""
        image_publisher, info_publisher = self._publishers[stream]
        if info is not None:
            info_publisher.publish(info)
        image_publisher.publish(image)

    def flush(self, seconds: float) -> None:
        """Waits until reliable subscribers have everything, at most this long for all topics together.

        The others, whose arrival nobody confirms, get a fixed moment afterwards.
        """
        deadline = time.monotonic() + seconds
        for publishers in self._publishers.values():
            for publisher in publishers:
                left = max(0.0, deadline - time.monotonic())  # less than zero would wait for ever
                publisher.wait_for_all_acked(Duration(seconds=left))
        time.sleep(_MATCH_S)


def replay(
    recording: Recording,
    options: ReplayOptions,
    say: Callable[[str], None] = print,
    ros_args: list[str] | None = None,
    began: Callable[[int], None] = lambda started_ns: None,
) -> ReplayCounts:
    """Replays a recording in a node of its own; returns when it is over or interrupted.

    Args:
        recording: what to publish.
        options: how.
        say: gets a line about every two seconds.
        ros_args: ROS arguments (remappings, namespace), with `--ros-args` in front.
        began: called before the first frame with the time in nanoseconds that `now` stamps count from.

    Raises:
        RecordingError: the recording turns out to be damaged.
    """
    rclpy.init(args=ros_args or [], signal_handler_options=SignalHandlerOptions.NO)
    counts = ReplayCounts()
    try:
        node = Node("depth_sr_replay", start_parameter_services=False)
        publisher = ReplayPublisher(node, options)
        cameras = RecordedCameras(recording, say)
        cameras.publish(node)
        _wait_for_subscribers(publisher, options.wait_s, say)
        cameras.hand_over(node, TOPICS["depth"][0])
        started_ns = time.time_ns()
        began(started_ns)
        _play(recording, cameras, publisher, options, counts, say, started_ns)
        publisher.flush(1.0)
    except KeyboardInterrupt:
        say("interrupted")
    finally:
        try_shutdown()
    return counts


def _wait_for_subscribers(publisher: ReplayPublisher, seconds: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + seconds
    while not publisher.matched():
        if time.monotonic() >= deadline:
            say(f"no subscriber on both image topics after {seconds:g} s; replaying all the same")
            return
        time.sleep(_POLL_S)
    time.sleep(_MATCH_S)


def _play(
    recording: Recording,
    cameras: RecordedCameras,
    publisher: ReplayPublisher,
    options: ReplayOptions,
    counts: ReplayCounts,
    say: Callable[[str], None],
    started_ns: int,
) -> None:
    stamps = options.stamps or ("now" if options.loop else "recorded")
    started = spoken = time.monotonic()
    for offset_ns, frames in timeline(recording, options.loop):
        due = started + offset_ns / _NANOSECONDS / options.speed
        if options.seconds is not None and due - started > options.seconds:
            break
        if stamps == "now" and time.monotonic() - due > 1 / (recording.rate_hz * options.speed):
            counts.skipped += len(frames)
            continue
        moved_ns = started_ns + round(offset_ns / options.speed)
        loaded = [
            _loaded(frame, moved_ns if stamps == "now" else frame.stamp_ns, counts, cameras.known(frame))
            for frame in frames
        ]
        time.sleep(max(0.0, due - time.monotonic()))
        for message in loaded:
            if message is not None:
                publisher.publish(*message)
                counts.published[message[0]] += 1
        counts.elapsed_s = time.monotonic() - started
        counts.latest_s = max(counts.latest_s, time.monotonic() - due)
        if time.monotonic() - spoken > _REPORT_EVERY_S:
            spoken = time.monotonic()
            say(counts.summary())


def timeline(recording: Recording, loop: bool) -> Iterator[tuple[int, list[RecordedFrame]]]:
    """When a replay shows what: frames of equal stamps with their time since the start in nanoseconds.

    Args:
        recording: what is replayed.
        loop: rounds follow each other for ever, one frame's time apart.
    """
    start_ns = 0
    while True:
        first: int | None = None
        offset = 0
        for stamp, group in groupby(recording.frames(), key=lambda frame: frame.stamp_ns):
            first = stamp if first is None else first
            offset = stamp - first
            yield start_ns + offset, list(group)
        if not loop or first is None:
            return
        start_ns += offset + round(_NANOSECONDS / recording.rate_hz)


def _loaded(
    frame: RecordedFrame, stamp_ns: int, counts: ReplayCounts, with_info: bool
) -> tuple[str, Image, CameraInfo | None] | None:
    """The messages of a frame, made before they are due; None for a frame that cannot be read."""
    try:
        pixels, encoding = frame.load()
    except FrameError as error:
        counts.failed[error.cause] += 1
        return None
    header: Any = Header(
        stamp=Time(sec=stamp_ns // _NANOSECONDS, nanosec=stamp_ns % _NANOSECONDS), frame_id=frame.frame_id
    )
    intrinsics = frame.camera.intrinsics if frame.camera else frame.intrinsics
    info = None
    if with_info and intrinsics is not None:
        info = to_camera_info(intrinsics, header, frame.camera.lens if frame.camera else None)
    return frame.stream, to_image_message(pixels, encoding, header), info
