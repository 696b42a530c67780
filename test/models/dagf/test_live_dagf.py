"""DAGF's live form."""

import pytest
import torch

from depth_sr_ros.models import create_live_model
from depth_sr_ros.models.live import features

SMALL = {"channels": 8, "joint": 8, "residual_blocks": 1}


@pytest.fixture
def network():
    torch.manual_seed(2)
    network = create_live_model("dagf", **SMALL).eval()
    torch.nn.init.normal_(network.head.weight, std=0.3)
    return network


def _maps():
    generator = torch.Generator().manual_seed(3)
    channels = (features.GUIDE_CHANNELS, features.DEPTH_CHANNELS)
    return [torch.randn((1, count, 16, 24), generator=generator) for count in channels]


@torch.inference_mode()
@pytest.mark.parametrize(("logit", "heard", "unheard"), [(50.0, "depth", "guide"), (-50.0, "guide", "depth")])
def test_attention_says_which_modality_makes_the_finest_kernels(network, logit, heard, unheard):
    last = network.attention[-1]
    last.weight.zero_()
    last.bias.fill_(logit)
    maps = _maps()
    before = network.head(network.look(*maps))
    for source, moves in ((unheard, False), (heard, True)):
        layers = getattr(network, f"{source}_joint")
        layers[0].bias.add_(1.0)
        assert torch.equal(network.head(network.look(*maps)), before) is not moves


@torch.inference_mode()
def test_kernels_between_are_the_mean_of_both_modalities_logits(network):
    maps = _maps()
    last, said = network.attention[-1], []
    last.weight.zero_()
    for logit in (50.0, -50.0, 0.0):
        last.bias.fill_(logit)
        said.append(network.head(network.look(*maps)))
    torch.testing.assert_close(said[2], (said[0] + said[1]) / 2, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_coarse_levels_are_heard_on_the_finest(network):
    maps = _maps()
    before = network.look(*maps)
    for level in network.levels:
        level.entry[0].bias.add_(0.5)
        moved = network.look(*maps)
        assert not torch.allclose(moved, before, atol=1e-4)
        before = moved


@pytest.mark.parametrize("option", ["channels", "joint", "residual_blocks"])
def test_options_that_cannot_be_are_refused(option):
    with pytest.raises(ValueError, match=f"{option}: expected 1 or more, found 0"):
        create_live_model("dagf", **{option: 0})
