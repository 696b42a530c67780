"""Two small bags, and what becomes of them undisturbed."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.extraction.bag_task import ExtractionOptions
from training.extraction.run import extract

SMALL = ExtractionOptions(shard_samples=5)


@pytest.fixture(scope="session")
def bags(tmp_path_factory, scene) -> Path:
    """`kitchen` (mcap) and `office` (db3), 12 pairs each; to be read only."""
    folder = tmp_path_factory.mktemp("bags")
    for seed, (name, storage) in enumerate([("kitchen", "mcap"), ("office", "db3")]):
        scene.write_scene(folder / name, 12, storage, seed)
    return folder


@pytest.fixture(scope="session")
def whole(bags, scene, tmp_path_factory) -> dict[str, bytes]:
    """Every file that comes of them, by name."""
    out = tmp_path_factory.mktemp("whole")
    extract([bags], out, SMALL, say=lambda text: None)
    return scene.tree(out)
