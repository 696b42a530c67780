"""The demo's scene, downloaded once into the project's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.scene import Scene, load_scene

CACHE = Path(__file__).parents[2] / "out" / "cache"


@pytest.fixture(scope="session")
def scene() -> Scene:
    return load_scene(CACHE)


@pytest.fixture(scope="session")
def cache(scene) -> Path:
    return CACHE
