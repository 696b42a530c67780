"""All engines of a process share one OpenVINO core; see the module for what would happen otherwise."""

import subprocess
import sys

import pytest

from depth_sr_ros.engines.openvino.core import openvino_core

_PROGRAM = """
import gc, signal, sys, threading
from depth_sr_ros.artifact import SHIPPED, read_artifact
from depth_sr_ros.engines.openvino.engine import OpenVinoEngine

artifact = read_artifact(SHIPPED / "fdkn_s_x8")
fixture = artifact.fixture()
engines = [OpenVinoEngine(artifact, fixture["depth"].shape, "fp32", 1) for _ in range(2)]
for engine in engines:
    engine.infer({"rgb": fixture["rgb"], "depth": fixture["depth"]})
while engines:
    engine = engines.pop(0)
    if sys.argv[1] == "here":
        engine.close()
    else:
        thread = threading.Thread(target=engine.close)
        thread.start()
        thread.join()
    del engine
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
signal.raise_signal(signal.SIGUSR1)
print("alive")
"""


@pytest.mark.parametrize("where", ["here", "in another thread"])
def test_a_process_survives_a_signal_after_engines_were_closed_in_the_order_they_were_made(where):
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, where], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["handled", "alive"]), done.stderr


def test_there_is_one():
    assert openvino_core() is openvino_core()
