"""ROS on a domain of this test process's own, over the DDS profile that the package ships."""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path

import pytest
import rclpy
from ros_domain import domain

sys.path.insert(0, str(Path(__file__).parent))

os.environ["ROS_DOMAIN_ID"] = domain()
os.environ["RMW_IMPLEMENTATION"] = "rmw_fastrtps_cpp"
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"

_namespaces = count()


@pytest.fixture(scope="session")
def ros():
    """An initialised ROS context for the whole session."""
    from depth_sr_ros.ros.dds_profile import use_profile

    use_profile()
    rclpy.init()
    yield
    from probe import Child

    for child in Child.started:  # left over by a test that failed
        child.process.kill()
    rclpy.try_shutdown()


@pytest.fixture(scope="module")
def probe(ros):
    """The other side, in a namespace of this module's own."""
    from probe import Probe

    probe = Probe(f"/test_{next(_namespaces)}")
    yield probe
    probe.close()


@pytest.fixture
def camera(probe):
    """A driver with reliable publishers."""
    from probe import Camera

    camera = Camera(probe)
    yield camera
    camera.close()


@pytest.fixture
def side(ros, request):
    """The other side, in a namespace of this test's own."""
    from probe import Probe

    probe = Probe(f"/{request.node.name.partition('[')[0]}")
    yield probe
    probe.close()


@pytest.fixture
def driver(side):
    """A camera of 160x120 at 5 Hz that never stops."""
    from probe import CAMERA, Child

    child = Child(CAMERA, side.namespace, "160", "120", "8", "100000", "5")
    yield child
    child.stop(signal.SIGKILL)
