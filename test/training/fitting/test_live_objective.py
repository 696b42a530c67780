"""What live networks are trained to minimise."""

import math

import pytest
import torch
from registered_frames import registered_frame

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.live.network import LiveOutputs, error_unit
from training.fitting.live_objective import LiveWeights, live_losses, loss_terms, total_loss


def _batch(truth=None):
    guide, start, near, far, quality = registered_frame(batch=2)
    truth = start.clone() if truth is None else truth
    return {"guide": guide, "start": start, "near": near, "far": far, "quality": quality, "truth": truth}


def _outputs(batch, error=0.01, depth=None, which=None):
    start = batch["start"]
    depth = start if depth is None else depth
    which = torch.zeros_like(start) if which is None else which
    return LiveOutputs(depth, torch.full_like(start, error), start, which)


def test_an_error_counts_alike_near_and_far_and_by_what_the_crop_had_before():
    batch = _batch()
    for factor in (0.1, 1.0, 5.0):
        truth = factor * batch["start"]
        depth = truth + error_unit(truth)
        for before, counts in ((0.0, 5.0), (0.8, 1.0), (3.8, 0.25)):
            start = truth + before * error_unit(truth)
            moved = {**batch, "start": start, "truth": truth, "near": truth, "far": truth}
            assert loss_terms(_outputs(moved, depth=depth), moved)["l1"] == pytest.approx(counts, rel=1e-3)


def test_likelihood_is_best_where_the_expected_error_is_the_mean_one():
    batch = _batch(truth=torch.full((2, 1, 64, 96), 1.0))
    noise = torch.randn(batch["truth"].shape, generator=torch.Generator().manual_seed(1)) * 0.02
    depth = batch["truth"] + noise
    mean = float(noise.abs().mean())
    likelihoods = [
        float(loss_terms(_outputs(batch, mean * factor, depth), batch)["laplace"]) for factor in (0.5, 0.8, 1, 1.25, 2)
    ]
    assert min(likelihoods) == likelihoods[2] == pytest.approx(1 + math.log(mean / 0.01), rel=1e-4)


def test_choice_is_taught_where_truth_is_clearly_one_surface():
    batch = _batch()
    question = batch["far"] - batch["near"] > 0.5
    right = torch.where(question, batch["far"], batch["start"])
    batch["truth"] = right
    far, near = torch.full_like(right, 6.0), torch.full_like(right, -6.0)
    assert loss_terms(_outputs(batch, which=far), batch)["which"] < 0.01
    assert loss_terms(_outputs(batch, which=near), batch)["which"] > 3
    batch["truth"] = torch.where(question, (batch["near"] + batch["far"]) / 2, right)
    assert loss_terms(_outputs(batch, which=near), batch)["which"] == 0


def test_unknown_truth_counts_for_nothing_and_spoils_no_gradient():
    batch = _batch()
    batch["truth"][:, :, 10:20] = torch.nan
    network = create_live_model("fdkn", widths=(8, 8, 8))
    total_loss(live_losses(network, batch)).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
    batch["truth"][:] = torch.nan
    assert total_loss(live_losses(network, batch)) == 0


def test_weights_are_of_the_terms():
    terms = {name: torch.tensor(1.0) for name in ("l1", "blended", "laplace", "which")}
    assert total_loss(terms, LiveWeights(1, 2, 4, 8)) == 15


def test_a_few_steps_find_the_surface_that_colour_shows():
    torch.manual_seed(0)
    batch = _batch()
    question = batch["near"] < batch["far"]
    truth = batch["start"].clone()
    truth[question] = torch.where(batch["guide"].mean(1, keepdim=True) > 0.5, batch["near"], batch["far"])[question]
    batch["truth"] = truth
    swapped = torch.where(truth == batch["near"], batch["far"], batch["near"])
    batch["start"] = torch.where(question, swapped, batch["start"])
    network = create_live_model("fdkn", widths=(16, 24, 16))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    first = float(live_losses(network, batch)["l1"].detach())
    for _ in range(40):
        optimiser.zero_grad()
        total_loss(live_losses(network, batch)).backward()
        optimiser.step()
    assert live_losses(network, batch)["l1"] < 0.3 * first
