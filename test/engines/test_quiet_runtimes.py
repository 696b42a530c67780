"""Runtimes must not phone home from a robot."""

from __future__ import annotations

import os
import subprocess
import sys

OPENVINO = """
import depth_sr_ros.engines
import multiprocessing
import openvino.tools.ovc as converter
import openvino.tools.ovc.telemetry_stub as stub

assert type(converter.telemetry) is stub.Telemetry, type(converter.telemetry)
assert not multiprocessing.active_children()
print("quiet")
"""
ONNX_RUNTIME = """
import depth_sr_ros.engines
import onnxruntime

print("quiet")
"""


def _run(program, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**kept, **environment}, check=False)
    assert run.stdout == "quiet\n", run.stderr


def test_importing_openvino_sends_nothing():
    _run(OPENVINO)


def test_importing_onnxruntime_notes_nothing_about_its_user(tmp_path):
    """Events, and the identity of the machine, would lie in the user's cache folder until they are sent."""
    _run(ONNX_RUNTIME, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / ".cache"))
    assert list(tmp_path.rglob("*")) == []
