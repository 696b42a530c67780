"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from depth_sr_ros.artifact import SHIPPED, Artifact, read_artifact

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
