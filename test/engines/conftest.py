"""Fixtures of the engines' tests."""

import pytest

from depth_sr_ros.engines import select


@pytest.fixture
def no_gpu_engines(monkeypatch):
    """Automatic choice as on a machine without a GPU, whether there is one or not."""
    for name in select._FOR_GPU:
        monkeypatch.delitem(select._RUNTIMES, name)
