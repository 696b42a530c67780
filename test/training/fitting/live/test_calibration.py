"""Whether an expected error is honest, told of errors drawn from known distributions."""

import copy

import numpy as np
import pytest
import torch
from live_networks import live_network

from training.fitting.live.calibrate_command import _both
from training.fitting.live.calibration import Stated, bins, fit_correction, miss, overall
from training.fitting.live.reliability_plot import reliability_plot

SAID = np.random.default_rng(0).normal(0, 0.8, 40_000)
USUAL = np.random.default_rng(1).uniform(0.3, 3, SAID.size)


def _stated(constant, slope, seed=2):
    """Pixels whose errors are Laplace of scale USUAL exp(SAID), stated as exp((SAID - constant) / slope)."""
    errors = np.abs(np.random.default_rng(seed).laplace(0, USUAL * np.exp(SAID)))
    return Stated(USUAL * np.exp((SAID - constant) / slope), errors, USUAL, np.ones(SAID.size))


def test_laplace_errors_of_the_stated_scale_are_honest_in_every_bin():
    found = bins(_stated(0, 1))
    assert len(found) == 10 and sum(one.pixels for one in found) == pytest.approx(1)
    assert all(abs(one.found - one.stated) < 0.02 for one in found)


def test_too_small_an_expected_error_shows_and_the_fit_finds_what_was_done_to_it():
    stated = _stated(0.6, 1.3)
    assert miss(stated) > 0.1 and overall(stated).found < overall(stated).stated
    constant, slope = fit_correction(stated)
    assert (constant, slope) == (pytest.approx(0.6, abs=0.02), pytest.approx(1.3, abs=0.03))


def test_a_statement_that_says_nothing_of_the_error_is_not_corrected():
    random = np.random.default_rng(3)
    nonsense = Stated(
        USUAL * np.exp(random.normal(0, 1, USUAL.size)), random.exponential(USUAL), USUAL, np.ones(USUAL.size)
    )
    with pytest.raises(ValueError, match="expected a constant within .* train the network longer"):
        fit_correction(nonsense)


def test_a_correction_changes_the_error_head_and_no_depth():
    network, silent, corrected = live_network(0.05), live_network(0.05), live_network(0.05)
    silent.correct_error(0, 0)
    corrected.correct_error(0.4, 1.2)
    start = 1 + torch.rand(1, 1, 32, 32)
    inputs = torch.rand(1, 3, 32, 32), start, 0.9 * start, 1.1 * start, torch.full_like(start, 3)
    with torch.no_grad():
        plain, usual, found = (one(*inputs) for one in (network, silent, corrected))
    torch.testing.assert_close(found.depth, plain.depth)
    said = (plain.error / usual.error).log()
    assert said.abs().max() < 4 and said.std() > 0.01
    torch.testing.assert_close(found.error, usual.error * (0.4 + 1.2 * said).exp())


def test_the_plot_puts_honest_bins_on_the_diagonal_and_others_beside_it():
    pictures = [reliability_plot(_stated(constant, 1)) for constant in (0, 1)]
    for picture, below in zip(pictures, (False, True), strict=True):
        rows, columns = np.nonzero((picture == (40, 40, 200)).all(axis=2))
        assert (np.mean(rows - 50 > 450 - columns + 25) > 0.5) == below


def test_a_correction_after_another_is_recorded_as_one_of_both():
    network = live_network().eval()
    once, twice = copy.deepcopy(network), copy.deepcopy(network)
    twice.correct_error(0.3, 0.5)
    twice.correct_error(-1.2, 0.8)
    recorded = _both(_both(None, 0.3, 0.5), -1.2, 0.8)
    assert recorded == {"constant": pytest.approx(-0.96), "slope": pytest.approx(0.4)}
    once.correct_error(recorded["constant"], recorded["slope"])
    for one, other in zip(once.state_dict().values(), twice.state_dict().values(), strict=True):
        assert torch.allclose(one.float(), other.float(), atol=1e-6)
