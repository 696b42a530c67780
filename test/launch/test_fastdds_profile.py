"""The Fast DDS profile that keeps images from getting lost."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ros_domain import domain

from depth_sr_ros.ros.dds_profile import VARIABLES

PROFILE = Path(__file__).resolve().parents[2] / "config" / "fastdds.xml"
SEGMENT = 64 * 1024 * 1024
NAMESPACE = {"dds": "http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles"}

# A participant maps its own shared-memory segment; /proc tells how large it is.
LARGEST_SEGMENT = """
import re, sys
from depth_sr_ros.ros.dds_profile import use_profile
if sys.argv[1] == "ask":
    use_profile()
import rclpy
rclpy.init()
node = rclpy.create_node("segment_size")
sizes = []
for line in open("/proc/self/maps"):
    if re.search("/dev/shm/fastrtps_[0-9a-f]{16}$", line):
        first, last = (int(end, 16) for end in line.split()[0].split("-"))
        sizes.append(last - first)
print(max(sizes))
rclpy.shutdown()
"""


@pytest.fixture(scope="module")
def profile() -> ElementTree.Element:
    return ElementTree.parse(PROFILE).getroot()


def test_profile_has_a_segment_of_64_mib(profile: ElementTree.Element) -> None:
    assert int(profile.findtext(".//dds:segment_size", namespaces=NAMESPACE) or 0) == SEGMENT


def test_profile_uses_every_transport_it_describes_and_no_other(profile: ElementTree.Element) -> None:
    described = profile.findall(".//dds:transport_descriptor", NAMESPACE)
    types = {d.findtext("dds:transport_id", namespaces=NAMESPACE): d.findtext("dds:type", namespaces=NAMESPACE)
             for d in described}  # fmt: skip
    used = {used.text for used in profile.findall(".//dds:userTransports/dds:transport_id", NAMESPACE)}
    assert set(types) == used
    assert sorted(filter(None, types.values())) == ["SHM", "UDPv4"]
    assert profile.findtext(".//dds:useBuiltinTransports", namespaces=NAMESPACE) == "false"


def test_profile_holds_for_every_participant_that_names_none(profile: ElementTree.Element) -> None:
    defaults = [p for p in profile.findall(".//dds:participant", NAMESPACE) if p.get("is_default_profile") == "true"]
    assert len(defaults) == 1


def _largest_segment(how: str) -> int:
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= {"ROS_DOMAIN_ID": domain(), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    ran = subprocess.run(
        [sys.executable, "-c", LARGEST_SEGMENT, how], env=environment, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    found = re.search(r"^\d+$", ran.stdout, re.MULTILINE)  # Fast DDS may say something there, too
    assert found, ran.stdout
    return int(found[0])


@pytest.mark.dds
def test_process_that_asks_for_the_profile_gets_the_large_segment() -> None:
    assert _largest_segment("ask") >= SEGMENT


@pytest.mark.dds
def test_process_that_does_not_ask_has_a_segment_too_small_for_an_image() -> None:
    assert _largest_segment("default") < 640 * 480 * 4
