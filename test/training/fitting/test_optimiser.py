"""Muon for matrices, Adam for the rest: what each moves, how far, and that a resumed one goes on as it was."""

import io

import pytest
import torch
from torch import nn

from training.fitting.optimiser import MuonWithAdam, create_optimiser, is_matrix
from training.recipes.recipe import OptimiserOptions

OPTIONS = OptimiserOptions(name="muon", learning_rate=0.02)


def _network():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3), nn.PReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.Flatten(), nn.LazyLinear(6), nn.PReLU()
    network = nn.Sequential(*layers, nn.Linear(6, 2))
    network(torch.zeros(1, 3, 7, 7))
    return network.to(memory_format=torch.channels_last)


def _train(network, optimiser, steps, first=0):
    for step in range(first, first + steps):
        images = torch.randn(4, 3, 7, 7, generator=torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        (network(images) - images.mean((2, 3))[:, :2]).square().mean().backward()
        optimiser.step()
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_matrices_are_those_of_convolutions_and_linear_layers_with_several_outputs():
    found = [name for name, parameter in _network().named_parameters() if is_matrix(parameter)]
    assert found == ["0.weight", "4.weight"]  # neither biases, slopes, the depthwise one nor that of two outputs


def test_every_direction_of_a_matrix_takes_an_equal_step():
    """However small its gradient is; the step's root mean square is 0.2 of Muon's learning rate."""
    generator = torch.Generator().manual_seed(1)
    left, right = (torch.linalg.qr(torch.randn(8, 8, generator=generator)).Q for _ in range(2))
    weight = nn.Parameter(torch.zeros(8, 8))
    weight.grad = left @ torch.logspace(0, -2, 8).diag() @ right
    create_optimiser([[weight]], OPTIONS).step()
    lengths = torch.linalg.svdvals(weight.detach())
    assert lengths.min() > 0.5 * lengths.max()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.2 * 0.5 * 0.02, rel=0.25)


def test_matrices_go_as_with_muon_and_the_rest_as_with_adam():
    ours, theirs = _network(), _network()
    _train(ours, create_optimiser([list(ours.parameters())], OPTIONS), 1)
    images = torch.randn(4, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    (theirs(images) - images.mean((2, 3))[:, :2]).square().mean().backward()
    adam = torch.optim.Adam([p for p in theirs.parameters() if not is_matrix(p)], lr=0.02)
    adam.step()
    rows = nn.Parameter(theirs[0].weight.detach().reshape(8, 27).clone())
    rows.grad = theirs[0].weight.grad.reshape(8, 27)
    torch.optim.Muon([rows], lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw").step()
    torch.testing.assert_close(ours[0].weight, rows.view(8, 3, 3, 3), atol=2e-4, rtol=0)  # columns in another order
    moved = (rows.view(8, 3, 3, 3) - theirs[0].weight).abs().mean()
    assert moved > 1e-3
    for name, parameter in theirs.named_parameters():
        if not is_matrix(parameter):
            torch.testing.assert_close(ours.get_parameter(name), parameter)


def test_the_learning_rate_of_a_group_holds_for_both():
    network = _network()
    optimiser = create_optimiser([list(network.parameters())], OPTIONS)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimiser.param_groups[0]["lr"] = 0.0
    for name, tensor in _train(network, optimiser, 1).items():
        assert torch.equal(tensor, before[name])


def test_parameters_without_a_gradient_stay():
    network = _network()
    network[0].requires_grad_(False)
    kept = network[0].weight.clone()
    _train(network, create_optimiser([list(network.parameters())], OPTIONS), 2)
    assert torch.equal(network[0].weight, kept)


def test_a_saved_state_goes_on_as_it_would_have():
    whole = _network()
    expected = _train(whole, create_optimiser([list(whole.parameters())], OPTIONS), 6)
    begun = _network()
    optimiser = create_optimiser([list(begun.parameters())], OPTIONS)
    _train(begun, optimiser, 3)
    file = io.BytesIO()
    torch.save(optimiser.state_dict(), file)
    file.seek(0)
    resumed = create_optimiser([list(begun.parameters())], OPTIONS)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for name, tensor in _train(begun, resumed, 3, first=3).items():
        assert torch.equal(tensor, expected[name])


def test_the_state_of_another_optimiser_is_refused():
    parameters = list(_network().parameters())
    state = create_optimiser([parameters], OptimiserOptions()).state_dict()
    with pytest.raises(ValueError, match="expected the state of muon"):
        create_optimiser([parameters], OPTIONS).load_state_dict(state)


def test_a_recipe_without_a_name_has_adam():
    optimiser = create_optimiser([list(_network().parameters())], OptimiserOptions(weight_decay=0.1))
    assert type(optimiser) is torch.optim.Adam and optimiser.defaults["weight_decay"] == 0.1


def test_groups_stay_apart():
    network = _network()
    groups = [list(network[0].parameters()), list(network[4].parameters())]
    optimiser = MuonWithAdam([{"params": group} for group in groups], OPTIONS)
    assert [len(group["params"]) for group in optimiser.param_groups] == [2, 2]
    before = network[4].weight.clone()
    optimiser.param_groups[1]["lr"] = 0.0
    _train(network, optimiser, 1)
    assert torch.equal(network[4].weight, before)
