"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from depth_sr_ros.artifact import Artifact, find_artifact

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def artifact() -> Artifact:
    """The shipped FDKN x8."""
    return find_artifact("fdkn", 8)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real RGB-D data beside the project; skips where a newcomer does not have it."""
    if not (SHARED_DATA / "manifest.csv").is_file():
        pytest.skip("needs the RGB-D data in ../shared/data, which does not ship with the project")
    return SHARED_DATA
