"""The noise of a depth camera's own pixels."""

import numpy as np
import pytest

from training.retraining.live.noise import LiveNoise, measure_live_noise


def test_the_noise_of_a_recording_is_found(hall, live_scene):
    noise = measure_live_noise(hall.entries)
    sigma = noise.axial.constant + noise.axial.square * np.array([live_scene.BOX, live_scene.WALL]) ** 2
    assert sigma == pytest.approx([live_scene.NOISE] * 2, rel=0.15)
    assert noise.holes == pytest.approx(0.02, abs=0.01) and noise.frames == 6
    assert LiveNoise.from_text(noise.as_text()) == noise and "flat windows" in noise.words


def test_too_few_flat_windows_give_no_noise_and_are_told(hall, monkeypatch):
    monkeypatch.setattr("training.retraining.live.noise.plane_residuals", lambda depth: np.zeros((0, 2)))
    noise = measure_live_noise(hall.entries)
    assert (noise.axial.constant, noise.axial.square) == (0, 0) and "not measured" in noise.words
