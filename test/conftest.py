"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depth_sr_ros.artifact import SHIPPED, Artifact, read_artifact

ENGINES = Path(__file__).parent / "engines"
sys.path.insert(0, str(Path(__file__).parent))  # helpers of several folders lie beside this file
sys.path.insert(0, str(ENGINES))  # for the gated engine

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """The shipped FDKN x8."""
    return read_artifact(SHIPPED / "fdkn_x8")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real RGB-D data beside the project; skips where a newcomer does not have it."""
    if not (SHARED_DATA / "manifest.csv").is_file():
        pytest.skip("needs the RGB-D data in ../shared/data, which does not ship with the project")
    return SHARED_DATA


@pytest.fixture
def gate(tmp_path, monkeypatch) -> Path:
    """The closed gate of the gated engine, which building processes find, too; `gate.touch()` opens it."""
    folders = (str(ENGINES), str(ENGINES.parents[1]), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    monkeypatch.setenv("GATE", str(tmp_path / "gate"))
    monkeypatch.setenv("BUILDS", str(tmp_path / "builds"))
    return tmp_path / "gate"


@pytest.fixture
def registered(monkeypatch) -> None:
    """The gated engine is this process's most preferred one."""
    import gated

    from depth_sr_ros.engines import select
    from depth_sr_ros.serving import engine_settings

    monkeypatch.setattr(select, "_RUNTIMES", dict(select._RUNTIMES))
    monkeypatch.setattr(select, "_INSTALL", dict(select._INSTALL))
    for module in (select, engine_settings):
        monkeypatch.setattr(module, "ENGINE_NAMES", module.ENGINE_NAMES)
    gated.register()


@pytest.fixture(scope="session")
def small_export(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Exports a small random network by name and scale: its artifact, and the graph it came from.

    Once per session, also where several processes share it.
    """
    from small_networks import small_export

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small_exports"
    folder.mkdir(exist_ok=True)
    return lambda name, scale=8: small_export(name, folder, scale)
