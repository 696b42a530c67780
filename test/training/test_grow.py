"""A grown network computes what the narrow one computes."""

import pytest
import torch

from depth_sr_ros.models import create_model
from training.grow import grow


def _network(width, blocks, hidden):
    torch.manual_seed(width)
    return create_model("jiif", scale=4, width=width, blocks=blocks, hidden=hidden).eval()


def _frame():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(1, 3, 24, 32, generator=generator), torch.rand(1, 1, 6, 8, generator=generator)


def _grown(narrow, wide, seed=0):
    wide.load_state_dict(grow(narrow.state_dict(), wide, torch.Generator().manual_seed(seed)))
    return wide


def test_the_function_stays():
    narrow = _network(8, 2, (16, 8))
    wide = _grown(narrow, _network(16, 6, (64, 16)))
    with torch.inference_mode():
        torch.testing.assert_close(wide(*_frame()), narrow(*_frame()), atol=1e-5, rtol=1e-4)


def test_copies_of_a_channel_receive_different_gradients():
    wide = _grown(_network(8, 2, (16, 8)), _network(16, 2, (32, 8))).train()
    wide(*_frame()).square().mean().backward()
    gradient = wide.guide_encoder.blocks[0].first.weight.grad
    assert not torch.allclose(gradient[:8], gradient[8:], rtol=1e-2)


def test_new_blocks_can_learn():
    wide = _grown(_network(8, 2, (16, 8)), _network(16, 4, (32, 8))).train()
    wide(*_frame()).square().mean().backward()
    assert wide.guide_encoder.blocks[1].second.weight.grad.abs().max() > 0


def test_widths_must_be_multiples():
    with pytest.raises(ValueError, match="12 is no multiple of the narrow network's 8"):
        _grown(_network(8, 2, (16, 8)), _network(12, 2, (16, 8)))


def test_perceptrons_must_be_of_one_depth():
    with pytest.raises(ValueError, match="hidden layers"):
        _grown(_network(8, 2, (16, 8)), _network(8, 2, (16, 16, 8)))
