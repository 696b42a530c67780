"""JIIF's pair function at gathered pairs, against the same function written as plain layers."""

import pytest
import torch

from depth_sr_ros.models.jiif.gather import gathered_pairs
from depth_sr_ros.models.jiif.pairs import PairFunction

_INPUTS = ("latent", "query", "difference", "position")


def _problem(queries):
    torch.manual_seed(3)
    function = PairFunction(_INPUTS, 6, (10, 8, 4), 2)
    guide, features = torch.randn(queries, 6), torch.randn(30, 12)
    index, relative = torch.randint(30, (queries, 4)), torch.randn(queries, 4, 2)
    return function, guide.requires_grad_(), features.requires_grad_(), index, relative.requires_grad_()


def _plain(function, guide, features, index, relative):
    first = function.first_layer()
    at_cell = first.at_cell(features)[index] + first.at_position(relative)
    return function(at_cell + first.at_query(guide).unsqueeze(1))


def _gathered(function, guide, features, index, relative):
    first = function.first_layer()
    return gathered_pairs(function, first, guide, first.at_cell(features), index, relative)


def _values_and_gradients(form, problem, pull):
    function, guide, features, index, relative = problem
    result = form(function, guide, features, index, relative)
    wanted = [guide, features, relative, *function.parameters()]
    return result.detach(), torch.autograd.grad(result, wanted, pull)


# 700 queries are 2,800 pairs, which pass the layers in two parts
@pytest.mark.parametrize("queries", [0, 1, 5, 700])
def test_values_and_gradients_are_those_of_plain_layers(queries):
    pull = torch.randn(queries, 4, 2)
    value, gradients = _values_and_gradients(_gathered, _problem(queries), pull)
    expected, expected_gradients = _values_and_gradients(_plain, _problem(queries), pull)
    torch.testing.assert_close(value, expected)
    assert not queries or all(gradient.abs().max() > 0 for gradient in gradients)
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-4)


def test_mixed_precision_costs_no_more_than_in_plain_layers():
    torch.manual_seed(4)
    pull = torch.randn(700, 4, 2)
    exact = _values_and_gradients(_plain, _problem(700), pull)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain = _values_and_gradients(_plain, _problem(700), pull)
        gathered = _values_and_gradients(_gathered, _problem(700), pull)
    assert gathered[0].dtype == torch.bfloat16
    assert (gathered[0] - exact[0]).norm() < 1.5 * (plain[0] - exact[0]).norm()
    ours, theirs = (
        sum((one - other).norm() / other.norm() for one, other in zip(found[1], exact[1], strict=True))
        for found in (gathered, plain)
    )
    assert ours < 1.5 * theirs
    assert all(gradient.dtype == torch.float32 for gradient in gathered[1])


def test_frozen_parts_leave_the_others_their_gradients():
    problem = _problem(5)
    function, guide, features, *_ = problem
    features.requires_grad_(False)
    function.layers[1].requires_grad_(False)
    _gathered(*problem).square().sum().backward()
    assert features.grad is None and function.layers[1].weight.grad is None
    ours = guide.grad.clone()
    guide.grad = None
    _plain(*problem).square().sum().backward()
    torch.testing.assert_close(ours, guide.grad, rtol=1e-4, atol=1e-4)


def test_other_inputs_and_a_single_hidden_layer():
    torch.manual_seed(5)
    function = PairFunction(("neighbour", "difference"), 6, (10,), 1)
    problem = (function, *_problem(9)[1:])
    torch.testing.assert_close(_gathered(*problem), _plain(*problem))
