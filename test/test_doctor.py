import json
import os
from types import SimpleNamespace

import pytest

from depth_sr_ros import doctor
from depth_sr_ros.cli import main
from depth_sr_ros.dds_profile import VARIABLES


@pytest.fixture(scope="module")
def findings():
    return doctor.examine()


def test_this_machine_can_run_the_node(findings):
    assert doctor.can_run(findings), doctor.report_text(findings)


def test_names_the_engine_that_would_run_and_why(findings):
    from depth_sr_ros.upsampler import Upsampler

    engine = next(f for f in findings if f.name == "engine")
    assert engine.found.split()[0] == Upsampler().describe().engine


def test_looks_at_everything_that_matters(findings):
    names = {finding.name for finding in findings}
    assert {"Python", "ROS 2", "RMW", "image decoding", "runtimes", "engine", "shared memory", "DDS profile"} <= names


def test_every_problem_and_warning_comes_with_a_fix(findings):
    assert all(finding.fix for finding in findings if finding.level in ("problem", "warning"))


def test_json_is_for_programs(capsys):
    status = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["can_run"] is (status == 0)
    assert {"name", "level", "found", "fix"} == set(report["findings"][0])


def test_a_missing_ros_is_a_problem_with_its_command(monkeypatch):
    monkeypatch.setattr(doctor, "_ROS_PROBE", "import rclpy_that_is_not_there")
    (finding,) = doctor._ros()
    assert finding.level == "problem" and "pip install" in finding.fix and "rclpy_that_is_not_there" in finding.found
    assert not doctor.can_run([finding])


def test_a_container_with_little_shared_memory_is_warned_of(monkeypatch):
    small = SimpleNamespace(f_blocks=16384, f_bavail=16000, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: small)
    (finding,) = doctor._shared_memory()
    assert finding.level == "warning" and "--ipc=host" in finding.fix and "64 MiB" in finding.found


@pytest.mark.parametrize("name", VARIABLES)
def test_a_profile_that_does_not_exist_is_warned_of(monkeypatch, name):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, "/no/such.xml")
    (finding,) = doctor._profile()
    assert finding.level == "warning" and "/no/such.xml" in finding.found
