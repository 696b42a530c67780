"""Normalisation replaced by gains and offsets."""

from copy import deepcopy

import torch
from torch import nn

from depth_sr_ros.models.export.norms import ChannelAffine, with_affine_norms
from depth_sr_ros.models.layers.adaptive_norm import ConvNormAct


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


def test_adaptive_norm_leaves_a_synchronised_norm_to_itself(monkeypatch):
    """It alone knows the other processes' statistics; in one process the numbers are those of the plain norm."""
    plain = ConvNormAct(3, 4, 3, momentum=0.3)
    with torch.no_grad():
        plain.norm.norm_share.fill_(0.7)
        plain.norm.norm.weight.copy_(torch.rand(4))
        plain.norm.norm.bias.copy_(torch.rand(4))
    synchronised = nn.SyncBatchNorm.convert_sync_batchnorm(deepcopy(plain))
    calls, forward = [], nn.SyncBatchNorm.forward
    monkeypatch.setattr(nn.SyncBatchNorm, "forward", lambda norm, image: calls.append(norm) or forward(norm, image))
    image = torch.rand(2, 3, 8, 8)
    for step in (1, 2):
        results = [network(image) for network in (plain, synchronised)]
        torch.testing.assert_close(*results)
        assert len(calls) == step
        for result in results:
            result.square().sum().backward()
    for (name, ours), theirs in zip(plain.named_parameters(), synchronised.parameters(), strict=True):
        torch.testing.assert_close(theirs.grad, ours.grad, msg=name)
    for (name, ours), theirs in zip(plain.named_buffers(), synchronised.buffers(), strict=True):
        torch.testing.assert_close(theirs, ours, msg=name)
    torch.testing.assert_close(synchronised.eval()(image), plain.eval()(image))
