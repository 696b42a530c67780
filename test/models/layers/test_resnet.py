"""Residual feature extractors."""

import pytest
import torch

from depth_sr_ros.models.layers.resnet import ResNet


def _on_paper(*args):
    with torch.device("meta"):
        return ResNet(*args)


@pytest.mark.parametrize(("name", "count"), [("resnet18", 11_176_512), ("resnet50", 23_508_032)])
def test_parameter_counts_are_torchvisions_without_the_classifier(name, count):
    assert sum(p.numel() for p in _on_paper(name).parameters()) == count


def test_layers_carry_torchvisions_names():
    names = set(_on_paper("resnet50").state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.conv3.weight",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.running_var",
        "layer3.5.bn2.weight",
        "layer4.2.bn3.num_batches_tracked",
    } <= names
    assert not any("mean" in n and "running" not in n for n in names)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_every_level_halves_the_size_rounded_up(name):
    network = _on_paper(name)
    features = network(torch.empty(1, 3, 40, 72, device="meta"))
    assert [tuple(f.shape[-2:]) for f in features] == [(20, 36), (10, 18), (5, 9), (3, 5), (2, 3)]
    assert [f.shape[1] for f in features] == network.channels


def test_asking_for_fewer_levels_gives_the_same_fine_ones():
    torch.manual_seed(0)
    network = ResNet("resnet18").eval()
    image = torch.rand(1, 3, 24, 32)
    for few, all_of_them in zip(network(image, 2), network(image), strict=False):
        assert torch.equal(few, all_of_them)
    assert len(network(image, 2)) == 2


def test_unbuilt_levels_hold_no_parameters():
    names = {n.split(".")[0] for n in _on_paper("resnet18", 3).state_dict()}
    assert names == {"conv1", "bn1", "layer1", "layer2"}


def test_unknown_backbone_names_the_known_ones():
    with pytest.raises(ValueError, match="'resnet18', 'resnet50'"):
        ResNet("resnet51")
