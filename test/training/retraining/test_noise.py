"""Noise that was put in is found again."""

from pathlib import Path

import numpy as np
import pytest

from training.datasets.pairs import PairEntry
from training.degradation import degradation
from training.retraining.noise import MeasuredNoise, NoiseBin, fit_sigma, measure_noise, plane_residuals

CONSTANT, QUADRATIC = 0.002, 0.0015


def entry(depth):
    rgb = np.zeros((*depth.shape, 3), np.uint8)
    return PairEntry("train", "made", "s", "0", Path("a"), Path("b"), "depth", "m", 1e-4, lambda _: (rgb, depth))


def rooms(count=6, holes=False):
    """Slanted walls from 0.8 to 4 m with a box before them."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:160, :192]
    for number in range(count):
        depth = 0.8 + 3.0 * x / 192 + 0.001 * number * y
        depth[40:100, 60:120] = 1.0
        depth = depth + (CONSTANT + QUADRATIC * depth**2) * rng.standard_normal(depth.shape)
        if holes:
            depth[40:96, 120:128] = 0  # beside the box
            depth[128:144, 24:56] = 0  # on the wall
        yield entry(depth.astype(np.float32))


def test_noise_that_grows_with_depth_is_measured():
    measured = measure_noise(list(rooms()), 8)
    sigma = measured.sensor.constant + measured.sensor.quadratic * np.asarray([1.0, 2.0, 3.5]) ** 2
    expected = CONSTANT + QUADRATIC * np.asarray([1.0, 2.0, 3.5]) ** 2
    np.testing.assert_allclose(sigma, expected, rtol=0.12)
    assert measured.holes == 0 and measured.sensor.lost_at_edges == 0
    assert "sigma(z) =" in measured.words[0]


def test_cells_without_a_measurement_are_counted_at_edges_and_elsewhere():
    measured = measure_noise(list(rooms(2, holes=True)), 8)
    assert measured.holes == pytest.approx((56 * 8 + 16 * 32) / (160 * 192))
    edges, elsewhere = measured.sensor.lost_at_edges, measured.sensor.lost_elsewhere
    assert 8 / 440 < elsewhere < 8 / 340, "8 of the cells that lie at no edge"
    assert 7 / 130 < edges < 7 / 40, "7 of the cells on both sides of the outline of the box"


def test_a_plane_without_noise_has_none_and_an_edge_is_no_plane():
    y, x = np.mgrid[:70, :70]
    plane = (2 + 0.001 * x + 0.002 * y).astype(np.float32)
    found = plane_residuals(plane)
    assert len(found) == 100 and found[:, 1].max() < 1e-6
    assert not len(plane_residuals(np.where(x % 7 < 3, 1, 2).astype(np.float32)))


@pytest.mark.parametrize(
    ("sigmas", "expected"),
    [
        ([0.003, 0.006, 0.011], (0.002, 0.001)),
        ([0.004, 0.003, 0.002], (0.003, 0.0)),
        ([0.0, 0.004, 0.009], (0.0, 0.001)),
        ([], (0.0, 0.0)),
    ],
)
def test_fit_is_never_negative(sigmas, expected):
    bins = [NoiseBin(depth, sigma, 50) for depth, sigma in zip((1.0, 2.0, 3.0), sigmas, strict=False)]
    assert fit_sigma(bins) == pytest.approx(expected, abs=3e-4)


def test_too_little_to_measure_is_said_and_adds_no_noise():
    measured = measure_noise([entry(np.random.default_rng(1).uniform(1, 3, (48, 64)).astype(np.float32))], 8)
    assert not measured.bins and measured.sensor.constant == measured.sensor.quadratic == 0
    assert "not measured" in measured.words[0]


def test_what_was_measured_survives_its_file_and_is_a_degradation():
    measured = measure_noise(list(rooms(2, holes=True)), 8)
    again = MeasuredNoise.from_text({**measured.as_text(), "bins": [vars(one) for one in measured.bins]})
    assert again == measured
    named = degradation(measured.sensor.name)
    assert named.constant == pytest.approx(measured.sensor.constant, rel=1e-3)
