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

TEST_DATA = "DEPTH_SR_TEST_DATA"
"""Environment variable: a folder of real RGB-D data with a manifest.csv. Unset, tests look at this repository only."""


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """The shipped FDKN x8."""
    return read_artifact(SHIPPED / "fdkn_x8")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real RGB-D data, where the environment names one; skips elsewhere."""
    folder = os.environ.get(TEST_DATA, "")
    if not folder:
        pytest.skip(f"needs real RGB-D data, which does not ship with the project: set {TEST_DATA} to its folder")
    if not Path(folder, "manifest.csv").is_file():
        pytest.fail(f"{TEST_DATA}: expected a folder with a manifest.csv, found {folder}")
    return Path(folder)


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

    monkeypatch.setattr(select, "RUNTIMES", dict(select.RUNTIMES))
    monkeypatch.setattr(select, "INSTALL", dict(select.INSTALL))
    for module in (select, engine_settings):
        monkeypatch.setattr(module, "ENGINE_NAMES", module.ENGINE_NAMES)
    gated.register()


@pytest.fixture(scope="session")
def small_export(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Exports a small random network by name and scale: its artifact, and the graph it came from.

    Once per session, also where several processes share it.
    """
    from small_networks import small_export, small_scale

    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "small_exports"
    folder.mkdir(exist_ok=True)
    return lambda name, scale=None: small_export(name, folder, scale or small_scale(name))
