"""OpenVINO must not phone home from a robot."""

from __future__ import annotations

import subprocess
import sys

IMPORT = """
import depth_sr_ros.engines
import multiprocessing
import openvino.tools.ovc as converter
import openvino.tools.ovc.telemetry_stub as stub

assert type(converter.telemetry) is stub.Telemetry, type(converter.telemetry)
assert not multiprocessing.active_children()
print("quiet")
"""


def test_importing_openvino_sends_nothing():
    run = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, timeout=120)
    assert run.stdout == "quiet\n", run.stderr
