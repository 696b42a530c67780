"""Fixtures shared by all tests."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from depth_sr_ros.artifact import SHIPPED, Artifact, read_artifact

sys.path.insert(0, str(Path(__file__).parent))  # helpers of several folders lie beside this file

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


@pytest.fixture(scope="session")
def small_export(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Exports a small random network by name, once per session: its artifact, and the graph it came from."""
    from small_networks import small_export

    folder = tmp_path_factory.mktemp("small")
    return lambda name: small_export(name, folder)
