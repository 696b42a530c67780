"""Small recordings of a coarse depth camera beside a colour camera, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.extraction.bag_task import ExtractionOptions
from training.extraction.selection import SelectionOptions
from training.retraining.live.frames import FrameOptions, frames_of

ALL = FrameOptions(ExtractionOptions(selection=SelectionOptions(least_sharpness=0.0, least_change=0.0)))


@pytest.fixture(scope="session")
def places(tmp_path_factory, live_scene) -> Path:
    """`hall` and `study`, 6 frames each; to be read only."""
    folder = tmp_path_factory.mktemp("places")
    for seed, name in enumerate(("hall", "study")):
        live_scene.write_images(folder / name, 6, seed)
    return folder


@pytest.fixture(scope="session")
def walk(tmp_path_factory, live_scene) -> Path:
    """A recording of 12 frames with poses."""
    return live_scene.write_images(tmp_path_factory.mktemp("posed") / "walk", 12, seed=2, poses=True)


@pytest.fixture(scope="session")
def hall(places, tmp_path_factory):
    """All frames of `hall`."""
    return frames_of(places / "hall", "a" * 64, tmp_path_factory.mktemp("hall"), ALL, lambda text: None)


@pytest.fixture(scope="session")
def walked(walk, tmp_path_factory):
    """All frames of `walk`, with fused depth."""
    return frames_of(walk, "b" * 64, tmp_path_factory.mktemp("walked"), ALL, lambda text: None)
