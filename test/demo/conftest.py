"""The demo's scene, downloaded once into the project's cache, and what its depth camera sees of a whole round."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.scene import Scene, load_scene
from demo.show import Show, open_show, prepare

CACHE = Path(__file__).parents[2] / "out" / "cache"


@pytest.fixture(scope="session")
def scene() -> Scene:
    return load_scene(CACHE)


@pytest.fixture(scope="session")
def cache(scene) -> Path:
    return CACHE


@pytest.fixture(scope="session")
def show(cache, tmp_path_factory) -> Show:
    rendered = tmp_path_factory.mktemp("rendered") / "raw_depth.npy"
    opened = open_show(None, cache, rendered)
    prepare(opened, cache, rendered)
    return opened
