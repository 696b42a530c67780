"""Normalisation replaced by gains and offsets."""

import torch
from torch import nn

from depth_sr_ros.models.adaptive_norm import ConvNormAct
from depth_sr_ros.models.norms import ChannelAffine, with_affine_norms


def _network():
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(5, affine=False)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), ConvNormAct(4, 5, 3), plain)
    nn.init.uniform_(network[1].weight)
    nn.init.constant_(network[2].norm.norm_share, 0.7)
    network.train()(torch.randn(8, 3, 9, 9))
    return network.eval()


def test_the_copy_gives_the_same_and_the_original_stays():
    network = _network()
    names = list(network.state_dict())
    image = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(with_affine_norms(network)(image), network(image), atol=1e-5, rtol=1e-5)
    assert list(network.state_dict()) == names


def test_convolutions_keep_their_weights():
    network = _network()
    copy = with_affine_norms(network)
    assert torch.equal(copy[0].weight, network[0].weight)
    assert sum(isinstance(m, ChannelAffine) for m in copy.modules()) == 3
