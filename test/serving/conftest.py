"""Engine supplies, on engines that compute and on fake ones."""

from __future__ import annotations

import pytest
from fake_engines import FakeEngines

from depth_sr_ros.serving import making
from depth_sr_ros.serving.engine_settings import EngineSettings
from depth_sr_ros.serving.supply import EngineSupply


@pytest.fixture
def settings(tmp_path) -> EngineSettings:
    return EngineSettings(scale=8, precision="fp32", threads=1, engine_cache=str(tmp_path / "plans"))


@pytest.fixture
def engines(monkeypatch) -> FakeEngines:
    monkeypatch.setattr(making, "SETTLE_S", 0.05)
    return FakeEngines()


@pytest.fixture
def told() -> list[tuple[bool, str]]:
    """What was told for the log: whether it is a warning, and the sentence."""
    return []


@pytest.fixture
def supply(settings, engines, told):
    """A supply of fake engines; when it is closed, so are they."""
    supply = EngineSupply(settings, lambda warning, sentence: told.append((warning, sentence)), source=engines)
    yield supply
    supply.close()
    assert engines.in_memory() == []


@pytest.fixture
def local(settings):
    """A supply of engines that compute."""
    supply = EngineSupply(settings)
    yield supply
    supply.close()
