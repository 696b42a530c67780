"""The mean over turned and mirrored inputs."""

import pytest
import torch

from depth_sr_ros.models import create_model
from training.evaluation.comparison import network_contestant
from training.evaluation.self_ensemble import SelfEnsemble


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(3)
    return torch.rand(1, 3, 64, 96, generator=generator), torch.rand(1, 1, 8, 12, generator=generator)


@torch.no_grad()
def test_turned_input_gives_the_turned_result(problem):
    ensemble = SelfEnsemble(create_model("fdkn", scale=8).eval())
    guide, depth_lr = problem
    result = ensemble(guide, depth_lr)
    for turns, mirrored in ((1, False), (3, True), (2, True)):
        turned = [torch.rot90(i.flip(-1) if mirrored else i, turns, (-2, -1)) for i in (guide, depth_lr, result)]
        torch.testing.assert_close(ensemble(*turned[:2]), turned[2])
        assert not torch.allclose(ensemble.network(*turned[:2]), turned[2], atol=1e-4)  # the network alone does not


@torch.no_grad()
def test_validity_is_turned_with_depth(problem):
    class Told(torch.nn.Module):
        uses_validity = True

        def forward(self, guide, depth_lr, valid_lr):
            assert valid_lr.dtype == torch.bool
            return depth_lr * valid_lr

    guide, depth_lr = problem
    valid_lr = depth_lr > 0.5
    torch.testing.assert_close(SelfEnsemble(Told())(guide, depth_lr, valid_lr), depth_lr * valid_lr)


def test_weights_with_a_plus_are_an_ensemble_of_the_same_ones():
    plain, plus = network_contestant("fdkn_x8"), network_contestant("fdkn_x8+")
    assert (plus.name, plus.key, plus.scale, plus.trained_on) == ("fdkn_x8+", plain.key, 8, plain.trained_on)
    assert isinstance(plus.method, SelfEnsemble) and plus.method.size_multiple == plain.method.size_multiple
    assert network_contestant("jiif_x8+").any_scale(4.0) is not None
