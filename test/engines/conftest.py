"""The gated engine, found by the processes that build, too."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def wait_until(condition, what: str, timeout: float = 60.0):
    """Waits for something true, and gives that."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.02)
    return result


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """A closed gate; `gate.touch()` opens it."""
    folders = (str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    return tmp_path / "gate"
