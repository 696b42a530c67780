"""The other side of the node under test: publishes cameras, listens to outputs, in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.ros.conversions import stamp_ns, to_camera_info, to_depth_message, to_image_message

CAMERA = str(Path(__file__).with_name("camera_process.py"))
ROOT = Path(__file__).resolve().parents[2]
COLOUR_SIZE = (160, 120)
DEPTH_SIZE = (20, 15)
INTRINSICS = Intrinsics(*COLOUR_SIZE, 150.0, 151.0, 79.0, 60.5)
SECOND = 1_000_000_000


class Child:
    """A child process whose output can be waited for."""

    started: list[Child] = []

    def __init__(self, *command: str) -> None:
        self.started.append(self)
        self.lines: list[str] = []
        python_path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, "-u", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"RCUTILS_COLORIZED_OUTPUT": "0", "PYTHONPATH": python_path},
        )  # fmt: skip
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def find(self, pattern: str, start: int = 0) -> str | None:
        return next((line for line in self.lines[start:] if re.search(pattern, line)), None)

    def wait_for(self, pattern: str, timeout: float = 30.0, start: int = 0) -> str:
        """The first line from `start` on that matches."""
        with self._changed:
            found = self._changed.wait_for(lambda: self.find(pattern, start), timeout)
        assert found, f"no line matches {pattern!r} within {timeout} s in:\n" + "\n".join(self.lines)
        return found

    def stop(self, how: int = signal.SIGINT) -> int:
        """Ends the process, politely first; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def assert_ends_cleanly(node: Child, how: int = signal.SIGINT) -> None:
    """Stops a node; it must leave with exit code 0 and without a traceback."""
    code = node.stop(how)
    assert code == 0 and not node.find("Traceback"), f"exit code {code}:\n" + "\n".join(node.lines)


def start_node(
    namespace: str, *arguments: str, program: tuple[str, ...] = ("-m", "depth_sr_ros.ros.node"), **parameters: object
) -> Child:
    """The node under test; keyword arguments become parameters."""
    given = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    return Child(
        *program, "--ros-args", "-r", f"__ns:={namespace}", "--log-level", "rcl:=error",
        *given, *arguments,
    )  # fmt: skip


def stamp(ns: int) -> Time:
    return Time(sec=ns // SECOND, nanosec=ns % SECOND)


class Probe:
    """Publishes to and listens on the topics of one namespace."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.node = Node("probe", namespace=namespace)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.diagnostics: dict[str, str] = {}
        self.levels: dict[str, bytes] = {}
        self.reports = 0
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._stamps = count(1000)
        self._clients: dict[str, Client] = {}
        self.cameras: list[object] = []

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        own = [s for s in message.status if s.name.startswith(f"{self.namespace[1:]}/depth_sr: ")]
        if own:
            self.reports += 1
            self.diagnostics = {v.key: v.value for s in own for v in s.values}
            self.diagnostics |= {f"message/{s.name.split(': ')[1]}": s.message for s in own}
            self.levels = {s.name.split(": ")[1]: s.level for s in own}

    def spin_until(self, condition, timeout: float = 30.0, what: str = ""):
        """Spins until the condition gives something true, and gives that."""
        deadline = time.monotonic() + timeout
        while not (result := condition()):
            assert time.monotonic() < deadline, f"timed out waiting for {what or condition}; {self.diagnostics}"
            self._executor.spin_once(timeout_sec=0.05)
        return result

    def client(self, kind: type, service: str) -> Client:
        """A client that is made once and then given time to be met by the server."""
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
            self.spin_until(self._clients[service].service_is_ready, what=service)
            self.spin_for(1.0)
        return self._clients[service]

    def spin_for(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            self._executor.spin_once(timeout_sec=0.02)

    def new_report(self) -> dict[str, str]:
        """The diagnostics of a report that was made after this call."""
        seen = self.reports
        self.spin_until(lambda: self.reports >= seen + 2, what="/diagnostics")
        return self.diagnostics

    def listen(self, topic: str, kind: type = Image, reliable: bool = True) -> list:
        """Messages of an output topic, as they come."""
        received: list = []
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        self.node.create_subscription(kind, topic, received.append, QoSProfile(depth=20, reliability=reliability))
        return received

    def next_stamp(self) -> int:
        """A stamp that nothing else has, nanoseconds."""
        return next(self._stamps) * SECOND // 10


class Camera:
    """Four publishers of the probe, as a driver would have them."""

    def __init__(self, probe: Probe, reliable: bool = True, kind: type = Image, frame: str = "camera_colour") -> None:
        self.probe = probe
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        qos = QoSProfile(depth=5, reliability=reliability)
        publisher = probe.node.create_publisher
        self.rgb, self.depth = publisher(kind, "rgb/image", qos), publisher(kind, "depth_raw/image", qos)
        self.rgb_info = publisher(CameraInfo, "rgb/camera_info", qos)
        self.depth_info = publisher(CameraInfo, "depth_raw/camera_info", qos)
        self.frame = frame

    def close(self) -> None:
        for publisher in (self.rgb, self.depth, self.rgb_info, self.depth_info):
            self.probe.node.destroy_publisher(publisher)

    def send_infos(self, colour_size: tuple[int, int] = COLOUR_SIZE, depth_size: tuple[int, int] = DEPTH_SIZE) -> None:
        """The camera_infos of depth that is registered to colour, for images of these sizes (width, height)."""
        for publisher, size, frame in (
            (self.rgb_info, colour_size, "camera_colour"),
            (self.depth_info, depth_size, self.frame),
        ):
            publisher.publish(to_camera_info(INTRINSICS.resized(*size), Header(frame_id=frame)))

    def images(self, stamp_ns: int, encoding: str = "16UC1") -> tuple[Image, Image]:
        """A colour and a depth image: a slanted plane, 1 to 3 m, with a hole."""
        header = Header(stamp=stamp(stamp_ns), frame_id="camera_colour")
        depth_header = Header(stamp=stamp(stamp_ns), frame_id=self.frame)
        return to_image_message(colour(), "rgb8", header), to_depth_message(plane(), encoding, depth_header)

    def send(
        self,
        stamp_ns: int | None = None,
        encoding: str = "16UC1",
        depth_delay_ns: int = 0,
        infos: bool = True,
    ) -> int:
        """Sends one pair, with both camera_infos; its stamp."""
        at = self.probe.next_stamp() if stamp_ns is None else stamp_ns
        rgb, depth = self.images(at, encoding)
        depth.header.stamp = stamp(at + depth_delay_ns)
        if infos:
            self.send_infos()
        self.rgb.publish(rgb)
        self.depth.publish(depth)
        return at

    def warm_up(self, outputs: list, encoding: str = "16UC1") -> None:
        """Sends pairs until one has come through: everything is matched and the engine is compiled."""
        for _ in range(100):
            self.send(encoding=encoding)
            self.probe.spin_for(0.3)
            if outputs:
                return
        raise AssertionError(f"no output after 100 pairs: {self.probe.diagnostics}")

    def send_and_receive(self, outputs: list, **how) -> Image:
        """Sends one pair and waits for its output."""
        at = self.send(**how)
        expected = at + how.get("depth_delay_ns", 0)
        return self.probe.spin_until(lambda: find(outputs, expected), what=f"the output of stamp {expected}")


def find(messages: list, stamp_ns_: int):
    return next((m for m in messages if stamp_ns(m) == stamp_ns_), None)


def colour() -> np.ndarray:
    y, x = np.mgrid[0 : COLOUR_SIZE[1], 0 : COLOUR_SIZE[0]]
    return np.stack([x % 256, y * 2 % 256, (x + y) % 256], -1).astype(np.uint8)


def plane() -> np.ndarray:
    y, x = np.mgrid[0 : DEPTH_SIZE[1], 0 : DEPTH_SIZE[0]]
    depth = (1.0 + 0.05 * x + 0.06 * y).astype(np.float32)
    depth[5:7, 5:7] = np.nan
    return depth
