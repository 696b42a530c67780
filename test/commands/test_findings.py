import json
import os
import sys
from types import SimpleNamespace

import pytest

from depth_sr_ros.commands import findings as report
from depth_sr_ros.commands.main import main
from depth_sr_ros.engines import EngineError
from depth_sr_ros.ros.conversions import converter_name
from depth_sr_ros.ros.dds_profile import VARIABLES
from depth_sr_ros.ros.synchroniser import synchroniser_name


@pytest.fixture(scope="module")
def findings():
    return report.examine()


def test_this_machine_can_run_the_node(findings):
    assert report.can_run(findings), report.report_text(findings)


def test_names_the_engine_that_would_run_and_why(findings):
    from depth_sr_ros.upsampler import Upsampler

    engine = next(f for f in findings if f.name == "engine")
    assert engine.found.split()[0] == Upsampler(scale=8).describe().engine


def test_names_what_serves_by_default(findings):
    (default,) = [f for f in findings if f.name == "default"]
    assert default.level == "ok" and default.found.startswith("fdkn_live on openvino")


def test_a_machine_without_an_engine_can_run_the_node_all_the_same(monkeypatch):
    def none(*settings, **more):
        raise EngineError("no engine is installed")

    monkeypatch.setattr("depth_sr_ros.engines.current.choose_engine", none)
    default, engine = report._engine()
    assert (
        default.level == "ok"
        and "live_filter" in default.found
        and engine.level == "warning"
        and "no engine is installed" in engine.found
    )
    assert engine.fix and report.can_run([default, engine])


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
    monkeypatch.setattr(report, "_ROS_PROBE", "import rclpy_that_is_not_there")
    (finding,) = report._ros()
    assert finding.level == "problem" and "pip install" in finding.fix and "rclpy_that_is_not_there" in finding.found
    assert not report.can_run([finding])


def test_a_ros_that_does_not_answer_is_a_problem(monkeypatch):
    monkeypatch.setattr(report, "_ROS_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(report, "_PROBE_S", 0.2)
    (finding,) = report._ros()
    assert finding.level == "problem" and "no answer within 0.2 s" in finding.found


@pytest.fixture
def broken_cv_bridge(tmp_path, monkeypatch):
    """A cv_bridge that is found but cannot be imported, as one built for another numpy."""
    (tmp_path / "cv_bridge.py").write_text("raise AttributeError('_ARRAY_API not found')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)


def test_a_cv_bridge_that_cannot_be_imported_is_not_claimed(broken_cv_bridge):
    decoding = next(f for f in report._image_libraries() if f.name == "image decoding")
    assert decoding.found.startswith("rosbags-image") and "cv_bridge cannot be imported" in decoding.found


def test_names_the_libraries_that_the_node_takes(findings):
    found = {finding.name: finding.found.split()[0] for finding in findings}
    assert found["image decoding"] == converter_name()
    assert found["synchroniser"] == synchroniser_name()


@pytest.mark.parametrize("prefix", ["/usr", "/venv"])
def test_installing_commands_work_where_the_distribution_guards_its_python(tmp_path, monkeypatch, prefix):
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(report, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setattr(sys, "prefix", prefix)
    text = report._pip_install("depth_sr_ros[x]", "rosbags")
    assert text.startswith("pip install 'depth_sr_ros[x]' rosbags")
    assert ("--break-system-packages" in text and "--system-site-packages" in text) is (prefix == "/usr")


def test_a_container_with_little_shared_memory_is_warned_of(monkeypatch):
    small = SimpleNamespace(f_blocks=16384, f_bavail=16000, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: small)
    (finding,) = report._shared_memory()
    assert finding.level == "warning" and "--ipc=host" in finding.fix and "64 MiB" in finding.found


@pytest.mark.parametrize("name", VARIABLES)
def test_a_profile_that_does_not_exist_is_warned_of(monkeypatch, name):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, "/no/such.xml")
    (finding,) = report._profile()
    assert finding.level == "warning" and "/no/such.xml" in finding.found
