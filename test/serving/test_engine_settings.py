"""What is plainly wrong is told without trying."""

from __future__ import annotations

import re

import pytest

from depth_sr_ros.artifact import SHIPPED
from depth_sr_ros.serving.engine_settings import EngineSettings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (EngineSettings("dinosaur"), "model: expected one of .*fdkn_x8.*'dinosaur'"),
        (EngineSettings(scale=5), r"scale: expected 0 or one of \[4, 8, .*\], found 5"),
        (EngineSettings(engine="abacus"), "engine: expected one of .*'abacus'"),
        (EngineSettings(precision="fp7"), "precision: expected one of .*'fp7'"),
        (EngineSettings(weights="/nowhere"), "weights: expected an artifact folder .*'/nowhere'"),
    ],
)
def test_plainly_wrong_settings_are_told_without_trying(settings, words):
    assert re.search(words, settings.problem())


@pytest.mark.parametrize(
    "settings",
    [
        EngineSettings(),
        EngineSettings("jiif"),
        EngineSettings("dkn", 4),
        EngineSettings("own", 3, weights=str(SHIPPED / "fdkn_x4")),
    ],
)
def test_settings_whose_parts_are_known_are_worth_a_try(settings):
    assert settings.problem() is None
