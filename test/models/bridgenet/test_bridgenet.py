"""BridgeNet against the paper: what depends on what, and what may be left out.

`python test/models/test_bridgenet.py` writes the golden tensors anew.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from depth_sr_ros.models import create_model
from depth_sr_ros.models.bridgenet.bridgenet import BridgeNet  # importing it registers the name
from depth_sr_ros.models.bridgenet.bridges import ContentBridge, HighFrequencyBridge

_GOLDEN = Path(__file__).parents[1] / "golden" / "bridgenet.npz"
_SMALL = {"scale": 8, "width": 16, "deep_blocks": 2, "backbone": "resnet18"}
_BRIDGES = ["both", "habdg", "cgbdg", "plain", "apart", "none"]


def _count(parameters):
    return sum(p.numel() for p in parameters)


def _on_paper(**options):
    with torch.device("meta"):
        return BridgeNet(**options)


def _network(**options):
    """Small, with weights and statistics that depend on names and shapes alone, so on no version of any library."""
    network = create_model("bridgenet", **{**_SMALL, **options}).eval()
    rng = np.random.default_rng(0)
    for name, tensor in sorted(network.state_dict().items()):
        if not tensor.is_floating_point():
            continue
        values = rng.standard_normal(tuple(tensor.shape)).astype(np.float32)
        if tensor.dim() > 1:
            values *= tensor[0].numel() ** -0.5
        else:
            values = np.abs(values) * 0.1 + 0.9 if name.endswith(("weight", "var")) else values * 0.1
        tensor.copy_(torch.from_numpy(values))
    return network


def _inputs(cells=(3, 5), batch=1):
    rng = np.random.default_rng(1)
    guide = rng.random((batch, 3, cells[0] * 8, cells[1] * 8), dtype=np.float32)
    return torch.from_numpy(guide), torch.from_numpy(rng.random((batch, 1, *cells), dtype=np.float32))


@pytest.mark.parametrize(
    ("options", "whole", "deployed"),
    [
        ({}, 29_997_534, 6_886_663),
        ({"width": 128}, 44_696_250, 18_948_371),
        ({"backbone": "resnet18"}, 16_167_226, 4_810_339),
        ({"bridges": "habdg"}, 29_974_984, 6_886_663),
        ({"bridges": "cgbdg"}, 28_544_728, 3_988_929),
        ({"bridges": "plain"}, 28_610_456, 5_499_585),
        ({"bridges": "apart"}, 28_522_178, 3_988_929),
        ({"bridges": "none"}, 3_988_929, 3_988_929),
    ],
)
def test_parameter_counts(options, whole, deployed):
    assert _count(_on_paper(**options).parameters()) == whole
    assert _count(_on_paper(**options, estimation=False).parameters()) == deployed


def test_parameter_groups_hold_every_parameter_once():
    network = _on_paper()
    groups = network.parameter_groups()
    assert {name: _count(group) for name, group in groups.items()} == {
        "super_resolution": 5_441_735,
        "estimation": 24_555_799,
    }
    held = [id(p) for group in groups.values() for p in group]
    assert sorted(held) == sorted(id(p) for p in network.parameters())


def test_without_estimation_there_is_one_group():
    for network in (_on_paper(estimation=False), _on_paper(bridges="none")):
        groups = network.parameter_groups()
        assert list(groups) == ["super_resolution"]
        assert _count(groups["super_resolution"]) == _count(network.parameters())


@torch.inference_mode()
def test_golden_tensors():
    stored = np.load(_GOLDEN)
    for name, tensor in _golden().items():
        torch.testing.assert_close(tensor, torch.from_numpy(stored[name]), atol=2e-5, rtol=1e-5, msg=name)


@torch.inference_mode()
def test_result_depends_on_nothing_that_serves_the_estimate_alone():
    network, inputs = _network(), _inputs()
    before = network.training_outputs(*inputs)
    for module in (network.backbone.layer3, network.backbone.layer4, network.estimation):
        for parameter in module.parameters():
            parameter.add_(0.1)
    after = network.training_outputs(*inputs)
    assert torch.equal(before["depth"], after["depth"])
    assert not torch.equal(before["estimate"], after["estimate"])


@torch.inference_mode()
@pytest.mark.parametrize("part", ["backbone.conv1", "backbone.layer1", "backbone.layer2", "super_resolution.bridges.2"])
def test_result_depends_on_the_colour_path(part):
    network, inputs = _network(), _inputs()
    before = network(*inputs)
    for parameter in network.get_submodule(part).parameters():
        parameter.mul_(1.2)
    assert not torch.equal(before, network(*inputs))


@torch.inference_mode()
@pytest.mark.parametrize("bridges", _BRIDGES)
def test_deployed_network_gives_the_same_result_with_fewer_parameters(bridges):
    network, inputs = _network(bridges=bridges), _inputs()
    deployed = network.deployed()
    assert torch.equal(deployed(*inputs), network(*inputs))
    assert tuple(deployed.training_outputs(*inputs)) == deployed.output_names == ("depth",)
    assert not any(n.startswith(("estimation", "backbone.layer3", "backbone.layer4")) for n in deployed.state_dict())
    again = create_model("bridgenet", **deployed.options)
    again.load_state_dict(deployed.state_dict())


@torch.inference_mode()
def test_deployed_network_is_a_copy():
    network, inputs = _network(), _inputs()
    deployed = network.deployed()
    before = deployed(*inputs)
    for parameter in network.parameters():
        parameter.zero_()
    assert torch.equal(deployed(*inputs), before)


@torch.inference_mode()
@pytest.mark.parametrize("bridges", _BRIDGES)
@pytest.mark.parametrize("cells", [(3, 5), (4, 4)])
def test_training_gives_the_result_and_an_estimate_at_any_multiple_of_eight(bridges, cells):
    network, inputs = _network(bridges=bridges), _inputs(cells)
    outputs = network.training_outputs(*inputs)
    assert list(outputs) == (["depth"] if bridges == "none" else ["depth", "estimate"])
    for output in outputs.values():
        assert output.shape == (1, 1, cells[0] * 8, cells[1] * 8) and output.isfinite().all()
    torch.testing.assert_close(outputs["depth"], network(*inputs), atol=1e-6, rtol=0)


def _reached(network, loss_of, part):
    network.zero_grad(set_to_none=True)
    network.training_outputs(*_inputs(batch=2))[loss_of].abs().mean().backward()
    gradients = [p.grad for p in network.get_submodule(part).parameters()]
    return any(g is not None and g.abs().sum() > 0 for g in gradients)


@pytest.mark.parametrize(
    ("detached", "depth_moves_backbone", "estimate_moves_super_resolution"),
    [("none", True, True), ("content", True, False), ("both", False, False)],
)
def test_gradients_cross_the_bridges_that_are_not_detached(
    detached, depth_moves_backbone, estimate_moves_super_resolution
):
    network = _network(detach_bridges=detached).train()
    assert _reached(network, "depth", "super_resolution.bridges") and _reached(network, "estimate", "backbone")
    assert _reached(network, "depth", "backbone.conv1") is depth_moves_backbone
    assert _reached(network, "depth", "backbone.layer2") is depth_moves_backbone
    assert _reached(network, "estimate", "super_resolution.deep") is estimate_moves_super_resolution
    assert not _reached(network, "depth", "estimation")


def test_both_losses_together_reach_every_parameter():
    network = _network().train()
    sum(o.abs().mean() for o in network.training_outputs(*_inputs(batch=2)).values()).backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()] == []


@torch.inference_mode()
@pytest.mark.parametrize("bridges", ["cgbdg", "apart", "none"])
def test_without_bridges_into_it_super_resolution_ignores_the_guide(bridges):
    network, (guide, depth) = _network(bridges=bridges), _inputs()
    assert torch.equal(network(guide, depth), network(1 - guide, depth))


@torch.inference_mode()
@pytest.mark.parametrize(
    ("bridges", "guided"), [("both", True), ("plain", True), ("cgbdg", True), ("habdg", False), ("apart", False)]
)
def test_estimate_sees_depth_only_through_content_bridges(bridges, guided):
    network, (guide, depth) = _network(bridges=bridges), _inputs()
    estimates = [network.training_outputs(guide, d)["estimate"] for d in (depth, 1 - depth)]
    assert torch.equal(*estimates) is not guided


def test_halves_apart_train_as_if_each_were_alone():
    """The super-resolution half learns what it learns without the other; the estimate is of colour alone and learns."""
    apart, alone = _network(bridges="apart").train(), _network(bridges="none").train()
    alone.super_resolution.load_state_dict(apart.super_resolution.state_dict())
    inputs, target = _inputs(batch=2), torch.rand(2, 1, 24, 40, generator=torch.Generator().manual_seed(2))
    losses_by_step = []
    for network in (apart, alone):
        groups = network.parameter_groups()
        assert sorted(groups) == (["estimation", "super_resolution"] if network is apart else ["super_resolution"])
        optimiser = torch.optim.Adam([{"params": group} for group in groups.values()], lr=1e-3)
        for _ in range(4):
            optimiser.zero_grad()
            outputs = network.training_outputs(*inputs)
            losses = {name: (output - target).abs().mean() for name, output in outputs.items()}
            losses_by_step.append(losses)
            sum(losses.values()).backward()
            optimiser.step()
    (began, *_, ended) = losses_by_step[:4]
    assert ended["estimate"] < began["estimate"] and ended["depth"] < began["depth"]
    with torch.inference_mode():
        assert torch.equal(apart.eval()(*inputs), alone.eval()(*inputs))


@torch.inference_mode()
def test_fresh_network_starts_at_the_bicubic_image():
    torch.manual_seed(0)
    network, (guide, depth) = create_model("bridgenet", **_SMALL).eval(), _inputs()
    torch.testing.assert_close(network(guide, depth), network.start_image(depth), atol=0.05, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize(("size", "odd_sizes"), [((6, 8), False), ((5, 7), True), ((6, 8), True)])
def test_fresh_blur_takes_the_mean_of_two_by_two(size, odd_sizes):
    features = torch.rand(1, 4, *size)
    blurred = HighFrequencyBridge(4, 4, odd_sizes).blur(features)
    assert blurred.shape == features.shape
    mean = features[..., :2, :2].mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(blurred[..., :2, :2], mean.expand(1, 4, 2, 2))
    if size == (5, 7):
        torch.testing.assert_close(blurred[..., 4, 6], features[..., 4, 6])


@torch.inference_mode()
def test_content_bridge_heeds_the_difference_of_the_two_depth_maps():
    """A softmax over the single channel of the difference map would be 1 whatever the maps are."""
    bridge = ContentBridge(8)
    estimate, depth = torch.rand(1, 8, 4, 4), torch.rand(1, 8, 4, 4)
    before = bridge(estimate, depth)
    bridge.estimate_map.weight.add_(1)
    assert not torch.allclose(before, bridge(estimate, depth))


@torch.inference_mode()
def test_mixed_precision_keeps_the_result_in_float32():
    network, inputs = _network(), _inputs()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = network.training_outputs(*inputs)
    assert {o.dtype for o in outputs.values()} == {torch.float32}
    full = network(*inputs)
    start = network.start_image(inputs[1])
    assert (outputs["depth"] - full).abs().mean() < 0.05 * (full - start).abs().mean()


def test_size_that_is_no_multiple_of_eight_is_refused():
    with pytest.raises(ValueError, match="multiples of 8"):
        _network(scale=4)(torch.rand(1, 3, 28, 32), torch.rand(1, 1, 7, 8))


def test_unknown_options_name_the_known_ones():
    with pytest.raises(ValueError, match="'habdg', 'cgbdg'"):
        create_model("bridgenet", bridges="all")
    with pytest.raises(ValueError, match="detach_bridges: expected one of .'none', 'content', 'both'.*found True"):
        create_model("bridgenet", detach_bridges=True)


def _golden():
    outputs = _network().training_outputs(*_inputs())
    return {**outputs, "plain": _network(bridges="plain")(*_inputs())}


if __name__ == "__main__":
    with torch.inference_mode():
        np.savez(_GOLDEN, **{name: tensor.numpy() for name, tensor in _golden().items()})
