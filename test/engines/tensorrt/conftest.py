"""What the TensorRT tests share. Helpers lie beside this file and are imported by their bare names."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from depth_sr_ros.artifact import SHIPPED, read_artifact  # noqa: E402
from depth_sr_ros.engines.tensorrt.graphs import graph_for  # noqa: E402
from depth_sr_ros.engines.tensorrt.library import find_tensorrt  # noqa: E402


@cache
def _shipped_graph(name, precision):
    return graph_for(read_artifact(SHIPPED / name), precision)


@pytest.fixture(scope="session")
def shipped_graph():
    """The graph of a shipped artifact for a precision; made once, not to be changed."""
    return _shipped_graph


@pytest.fixture(scope="session")
def library():
    """The TensorRT that is installed; skips where there is none."""
    try:
        return find_tensorrt()
    except ImportError as error:
        pytest.skip(f"needs TensorRT, or TensorRT for RTX: {error}")
