"""Looks at this machine and says whether the node can run on it, with which engine, and what to fix."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from sysconfig import get_path
from typing import Any, Literal

from depth_sr_ros.ros.dds_profile import VARIABLES, find_profile, profile_in_force

Level = Literal["ok", "note", "warning", "problem"]

_SHARED_MEMORY = Path("/dev/shm")
# two processes with the profile's 64 MiB segment each, and as much again for a viewer and a recorder
_SHARED_MEMORY_WANTED = 256 * 2**20
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16")
_MARKS: dict[Level, str] = {"ok": "ok     ", "note": "note   ", "warning": "WARNING", "problem": "PROBLEM"}
_ROS_PROBE = """
import json
import rclpy, diagnostic_msgs.msg, lifecycle_msgs.msg, rcl_interfaces.msg, sensor_msgs.msg
from rclpy.lifecycle import LifecycleNode
from rclpy.utilities import get_rmw_implementation_identifier
print(json.dumps({"file": rclpy.__file__, "rmw": get_rmw_implementation_identifier()}))
"""
# found is not enough: a cv_bridge built for another numpy cannot be imported, and the node then goes without
_LIBRARIES_PROBE = """
import json
from importlib import import_module
names = ("cv_bridge", "message_filters", "rosbags", "rosbags.image", "tf2_msgs.msg")
def usable(name):
    try:
        import_module(name)
    except Exception:
        return False
    return True
print(json.dumps({name: usable(name) for name in names}))
"""
_PROBE_S = 60.0
_SCALE = 8  # of the papers' networks, to see which engine would run them


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: what was looked at.
        level: `problem` keeps the node from running; `warning` costs images or speed; `note` only informs.
        found: what is there.
        fix: command or step that changes it; empty where nothing needs to change.
    """

    name: str
    level: Level
    found: str
    fix: str = ""


def examine() -> list[Finding]:
    """Looks at everything that decides whether and how the node runs. Builds and self-checks the engine."""
    looks: list[Callable[[], list[Finding]]] = [
        _machine,
        _ros,
        _image_libraries,
        _runtimes,
        _engine,
        _shared_memory,
        _profile,
        _network,
    ]
    return [finding for look in looks for finding in look()]


def can_run(findings: list[Finding]) -> bool:
    """Whether nothing found keeps the node from running."""
    return all(finding.level != "problem" for finding in findings)


def report_text(findings: list[Finding]) -> str:
    """The findings for people, fixes under what they fix."""
    lines = []
    for finding in findings:
        lines.append(f"{_MARKS[finding.level]}  {finding.name:<16} {finding.found}")
        if finding.fix:
            lines.append(f"{'':<26} fix: {finding.fix}")
    verdict = "the node can run here" if can_run(findings) else "the node cannot run here until the problems are fixed"
    return "\n".join([*lines, "", verdict])


def report_json(findings: list[Finding]) -> str:
    """The findings for programs: {"can_run": bool, "findings": [...]}."""
    return json.dumps({"can_run": can_run(findings), "findings": [asdict(f) for f in findings]}, indent=2)


def _machine() -> list[Finding]:
    supported = sys.version_info >= (3, 10)
    python = Finding(
        "Python",
        "ok" if supported else "problem",
        f"{platform.python_version()} at {sys.executable}",
        "" if supported else "use Python 3.10 or later",
    )
    name, flags = _cpu()
    known = [flag for flag in _CPU_FLAGS if flag in flags]
    found = f"{name}, {os.cpu_count()} threads, {' '.join(known) or 'no relevant vector extension'}"
    return [python, Finding("processor", "note", found)]


def _cpu() -> tuple[str, set[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    fields = dict(line.split(":", 1) for line in reversed(text.splitlines()) if ":" in line)
    values = {key.strip(): value.strip() for key, value in fields.items()}
    return values.get("model name", platform.machine()), set(values.get("flags", values.get("Features", "")).split())


def _ros() -> list[Finding]:
    found = _probe(_ROS_PROBE)
    if isinstance(found, str):
        fix = f"source /opt/ros/$ROS_DISTRO/setup.bash, or without ROS: {_pip_install('depth_sr_ros[ros]')}"
        return [Finding("ROS 2", "problem", f"rclpy and its messages cannot be imported: {found}", fix)]
    distro = os.environ.get("ROS_DISTRO") or "no ROS_DISTRO set (pip wheels)"
    ros = Finding("ROS 2", "ok", f"rclpy {_version('rclpy', 'ros-jazzy-rclpy')} at {found['file']}, {distro}")
    fast = found["rmw"].startswith("rmw_fastrtps")
    rmw = Finding(
        "RMW",
        "ok" if fast else "note",
        found["rmw"] + ("" if fast else ": the shipped DDS profile is for Fast DDS and has no effect on it"),
        "" if fast else "set up shared memory in your RMW, or export RMW_IMPLEMENTATION=rmw_fastrtps_cpp",
    )
    return [ros, rmw]


def _probe(code: str) -> dict[str, Any] | str:
    """What code prints as JSON in a process of its own, where a broken library may crash; or why it does not."""
    command = [sys.executable, "-c", code]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no answer within {_PROBE_S:g} s"
    if probe.returncode != 0:
        return (probe.stderr.strip().splitlines() or [f"exit status {probe.returncode}"])[-1]
    found: dict[str, Any] = json.loads(probe.stdout.strip().splitlines()[-1])
    return found


def _pip_install(*packages: str) -> str:
    """The command that installs with pip here; a distribution's own Python refuses the plain one (PEP 668)."""
    command = f"pip install {' '.join(map(quote, packages))}"
    managed = sys.prefix == sys.base_prefix and Path(get_path("stdlib"), "EXTERNALLY-MANAGED").is_file()
    if not managed:
        return command
    return f"{command} in a python3 -m venv --system-site-packages (or with --break-system-packages)"


def _image_libraries() -> list[Finding]:
    usable = _probe(_LIBRARIES_PROBE)
    if isinstance(usable, str):
        fix = f"{_pip_install('rosbags-image')}, or sudo apt install --reinstall ros-$ROS_DISTRO-cv-bridge"
        return [Finding("image decoding", "problem", f"importing cv_bridge or rosbags-image failed: {usable}", fix)]
    pairing = "message_filters" if usable["message_filters"] else "depth_sr_ros (message_filters is not installed)"
    findings = [Finding("synchroniser", "ok", pairing), _transforms(usable["tf2_msgs.msg"])]
    if usable["cv_bridge"]:
        findings.append(Finding("image decoding", "ok", "cv_bridge"))
    elif usable["rosbags.image"]:
        why = "cv_bridge cannot be imported" if find_spec("cv_bridge") else "no cv_bridge"
        findings.append(Finding("image decoding", "ok", f"rosbags-image {_version('rosbags-image')}, {why}"))
    else:
        fix = f"{_pip_install('rosbags-image')}, or sudo apt install ros-$ROS_DISTRO-cv-bridge"
        findings.append(Finding("image decoding", "problem", "neither cv_bridge nor rosbags-image", fix))
    if usable["rosbags"] and usable["rosbags.image"]:
        return [*findings, Finding("bags", "ok", f"rosbags {_version('rosbags')}")]
    fix = _pip_install("rosbags", "rosbags-image")
    return [*findings, Finding("bags", "note", "no rosbags or no rosbags-image: no replay of bags", fix)]


def _transforms(usable: bool) -> Finding:
    if usable:
        return Finding("transforms", "ok", "/tf_static is read by tf2_msgs")
    fix = "sudo apt install ros-$ROS_DISTRO-tf2-msgs, or give the node depth_to_colour where depth is not registered"
    return Finding("transforms", "note", "no tf2_msgs (it comes with ROS): the node cannot read /tf_static", fix)


def _runtimes() -> list[Finding]:
    names = {"openvino": "openvino", "onnxruntime": "onnxruntime", "torch": "torch", "tensorrt": "tensorrt"}
    found = [f"{name} {_version(package)}" if find_spec(name) else f"no {name}" for name, package in names.items()]
    return [Finding("runtimes", "note", ", ".join(found))]


def _engine() -> list[Finding]:
    from depth_sr_ros.upsampler import Upsampler, UpsamplerError

    default = Upsampler().describe()
    findings = [Finding("default", "ok", f"{default.model} on {default.reason}")]
    try:
        info = Upsampler(scale=_SCALE).describe()
    except UpsamplerError as error:
        found = f"the papers' networks (a number as `scale`) cannot be served: {error}"
        return [*findings, Finding("engine", "warning", found, _pip_install("depth_sr_ros[cpu]"))]
    return [
        *findings,
        Finding("engine", "ok", info.reason),
        Finding("model", "ok", f"{info.model}, weights {info.weights_id}, {info.precision} on {info.device}"),
    ]


def _shared_memory() -> list[Finding]:
    try:
        state = os.statvfs(_SHARED_MEMORY)
    except OSError as error:
        fix = "mount a tmpfs at /dev/shm, or start the container with --ipc=host"
        return [Finding("shared memory", "warning", f"{_SHARED_MEMORY}: {error}", fix)]
    size, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    found = f"{_SHARED_MEMORY}: {size >> 20} MiB, {free >> 20} MiB free"
    if free >= _SHARED_MEMORY_WANTED:
        return [Finding("shared memory", "ok", found)]
    fix = (
        "start the container with --ipc=host or --shm-size=1g; elsewhere: sudo mount -o remount,size=1G /dev/shm; "
        "after crashes: fastdds shm clean"
    )
    wanted = f"expected at least {_SHARED_MEMORY_WANTED >> 20} MiB free, images may be lost"
    return [Finding("shared memory", "warning", f"{found}; {wanted}", fix)]


def _profile() -> list[Finding]:
    chosen, shipped = profile_in_force(), find_profile()
    if chosen is not None and not chosen.is_file():
        fix = f"correct or unset {' and '.join(VARIABLES)}"
        return [Finding("DDS profile", "warning", f"{chosen} is set but does not exist", fix)]
    if chosen is not None:
        unset = [name for name in VARIABLES if not os.environ.get(name)]
        fix = f"for Fast DDS of either major version: export {unset[0]}={chosen}" if unset else ""
        mine = "the shipped one" if shipped is not None and chosen.resolve() == shipped.resolve() else "your own"
        return [Finding("DDS profile", "note" if unset else "ok", f"{chosen} ({mine})", fix)]
    if shipped is None:
        return [Finding("DDS profile", "warning", "config/fastdds.xml not found", "install the package again")]
    found = f"none set; `depth-sr node`, `depth-sr replay` and the launch file use {shipped}"
    exports = " ".join(f"{name}={shipped}" for name in VARIABLES)
    return [Finding("DDS profile", "ok", found, f"for your camera driver and other nodes: export {exports}")]


def _network() -> list[Finding]:
    names = ("ROS_DOMAIN_ID", "ROS_LOCALHOST_ONLY", "ROS_AUTOMATIC_DISCOVERY_RANGE", "RMW_IMPLEMENTATION")
    values = [f"{name}={os.environ[name]}" for name in names if os.environ.get(name)]
    return [Finding("discovery", "note", ", ".join(values) or "domain 0, whole subnet (nothing set)")]


def _version(*packages: str) -> str:
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "(version unknown)"
