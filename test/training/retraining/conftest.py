"""Small recordings and the command with which they are retrained on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def recordings(tmp_path_factory, scene) -> Path:
    """`hall` and `study`, 6 pairs each; to be read only."""
    folder = tmp_path_factory.mktemp("recordings")
    for seed, name in enumerate(("hall", "study")):
        scene.write_scene(folder / name, 6, seed=seed)
    return folder


@pytest.fixture
def command(recordings, tmp_path) -> list[str]:
    """Two training steps on tiny crops."""
    quick = "--scale 8 --steps 2 --minutes 0 --crop 32 --workers 0 --dev-images 1 --held study"
    plans = ["--engine-cache", str(tmp_path / "plans")]
    return ["retrain", "--bags", str(recordings), "--out", str(tmp_path / "out"), *quick.split(), *plans]
