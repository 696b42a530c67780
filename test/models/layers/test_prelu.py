"""PReLU for training on a CPU."""

import pytest
import torch

from depth_sr_ros.models.layers.prelu import PReLU


@pytest.mark.parametrize("slopes", [1, 6])
@pytest.mark.parametrize("size", [(2, 6), (2, 6, 5, 7)])
def test_training_gives_torchs_results_and_gradients(slopes, size):
    torch.manual_seed(0)
    x, pull = torch.randn(size), torch.randn(size)
    found = []
    for ours in (PReLU(slopes).train(), torch.nn.PReLU(slopes)):
        given = x.clone().requires_grad_()
        result = ours(given)
        result.backward(pull)
        found.append((result.detach(), given.grad, ours.weight.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_slopes_keep_the_name_that_stored_weights_have():
    assert list(PReLU().state_dict()) == ["weight"]


def test_bfloat16_stays_bfloat16():
    assert PReLU().train()(torch.randn(1, 2, 3, 3, dtype=torch.bfloat16)).dtype == torch.bfloat16
