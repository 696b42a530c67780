"""Fixtures of the engines' tests."""

import pytest

from depth_sr_ros.engines import select


@pytest.fixture
def no_gpu_engines(monkeypatch):
    """Automatic choice as on a machine without a GPU, whether there is one or not."""
    # a whole new mapping: one put back by its keys would come back in another order, which is that of preference
    others = {name: place for name, place in select.RUNTIMES.items() if name not in select.FOR_GPU}
    monkeypatch.setattr(select, "RUNTIMES", others)
