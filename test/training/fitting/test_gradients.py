"""The gradient of a step."""

import pytest
import torch

from depth_sr_ros.models import create_model
from training.fitting.gradients import GradientSum, parts_of
from training.fitting.losses import masked_l1
from training.fitting.objective import parameter_groups, supervised

TWO_LOSSES = {"super_resolution": {"l1": 1.0}, "estimation": {"estimate_l1": 2.0}}


@pytest.fixture
def batch():
    """Crops with very different shares of valid pixels."""
    random = torch.Generator().manual_seed(0)
    valid = (torch.rand(4, 1, 32, 32, generator=random) < torch.tensor([1.0, 0.1, 0.5, 0.0]).view(4, 1, 1, 1)).float()
    return {
        "guide": torch.rand(4, 3, 32, 32, generator=random),
        "depth_lr": torch.rand(4, 1, 4, 4, generator=random),
        "target": torch.rand(4, 1, 32, 32, generator=random),
        "valid": valid,
        "valid_lr": torch.ones(4, 1, 4, 4),
        "number": torch.arange(8, 12),
    }


def _backward(loss, **options):
    loss.backward(**options)


def _gradients(network, batch, loss, micro_batch=0, queries=0):
    network.zero_grad()
    gradients = GradientSum(parameter_groups(network, loss), batch["valid"].numel())
    for part in parts_of(batch, micro_batch):
        gradients.add(supervised(network, part, queries, 1), 0.0, _backward)
    losses = gradients.finish()
    return losses, {name: p.grad.clone() for name, p in network.named_parameters()}


def test_gradient_is_that_of_the_loss(tiny, batch):
    network = tiny.Tiny()
    losses, gradients = _gradients(network, batch, {"l1": 1.0})
    network.zero_grad()
    loss = masked_l1(network(batch["guide"], batch["depth_lr"]), batch["target"], batch["valid"])
    loss.backward()
    torch.testing.assert_close(losses["all"], loss.detach())
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad)


@pytest.mark.parametrize(
    ("name", "loss"), [("Tiny", {"l1": 1.0}), ("Tiny", {"relative_rmse": 1.0}), ("TinyPair", TWO_LOSSES)]
)
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_parts_add_up_to_the_whole_batch(name, loss, micro_batch, tiny, batch):
    network = getattr(tiny, name)()
    whole, in_parts = _gradients(network, batch, loss), _gradients(network, batch, loss, micro_batch)
    torch.testing.assert_close(whole, in_parts)


def test_the_losses_of_all_groups_are_minimised_together(tiny, batch):
    """A loss reaches the other group's parameters wherever the network lets it."""
    torch.manual_seed(0)
    network = tiny.TinyPair()
    _, both = _gradients(network, batch, TWO_LOSSES)
    network.zero_grad()
    outputs = network.training_outputs(batch["guide"], batch["depth_lr"])
    losses = [masked_l1(outputs[name], batch["target"], batch["valid"]) for name in ("depth", "estimate")]
    (losses[0] + 2 * losses[1]).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(both[name], parameter.grad, rtol=1e-4, atol=1e-5)


def test_one_adam_with_two_groups_is_an_adam_for_each(tiny, batch):
    def trained(optimisers_of):
        torch.manual_seed(0)
        network = tiny.TinyPair()
        optimisers = optimisers_of(network.parameter_groups().values())
        for _ in range(3):
            _gradients(network, batch, TWO_LOSSES)
            for optimiser in optimisers:
                optimiser.step()
        return network.state_dict()

    one = trained(lambda groups: [torch.optim.Adam([{"params": g} for g in groups], lr=0.01)])
    two = trained(lambda groups: [torch.optim.Adam(g, lr=0.01) for g in groups])
    assert all(torch.equal(one[name], two[name]) for name in two)


def test_without_a_valid_pixel_there_is_no_gradient(tiny, batch):
    _, gradients = _gradients(tiny.Tiny(), {**batch, "valid": torch.zeros(4, 1, 32, 32)}, {"l1": 1.0})
    assert all((g == 0).all() for g in gradients.values())


def test_queries_supervise_some_pixels(tiny, batch):
    result = supervised(tiny.Tiny(), batch, 100, 1)
    assert result.target.shape == result.valid.shape == result.outputs["depth"].shape == (4, 1, 1, 100)
    assert result.valid[0].all() and not result.valid[3].any()


@pytest.mark.parametrize("name", ["Tiny", "TinyQueried"])
@pytest.mark.parametrize("micro_batch", [1, 3])
def test_parts_add_up_to_the_whole_batch_with_queries(name, micro_batch, tiny, batch):
    network = getattr(tiny, name)()
    whole, in_parts = (_gradients(network, batch, {"l1": 1.0}, size, queries=100) for size in (0, micro_batch))
    torch.testing.assert_close(whole, in_parts)


@pytest.mark.parametrize("model", ["jiif", "dkn"])
def test_pixels_of_a_crop_do_not_depend_on_the_crops_beside_it(model, batch):
    torch.manual_seed(0)
    options = {"jiif": {"width": 8, "blocks": 1, "hidden": (16,)}, "dkn": {}}[model]
    network = create_model(model, scale=8, **options).eval()
    values = batch["target"] + torch.arange(4).view(4, 1, 1, 1)
    numbered = {**batch, "target": values}
    with torch.inference_mode():
        whole = supervised(network, numbered, 256, 1)
        (last,) = [supervised(network, part, 256, 1) for part in parts_of(numbered, 3)][1:]
        other = supervised(network, numbered, 256, 2)
    assert torch.equal(last.target, whole.target[3:])
    assert not torch.equal(other.target, whole.target)


def test_network_that_asks_is_told_which_cells_were_measured(tiny, batch):
    network, valid = tiny.TinyTold(), (torch.rand(4, 1, 4, 4) < 0.5).float()
    supervised(network, {**batch, "valid_lr": valid}, 0, 1)
    assert torch.equal(network.told, valid)


def test_a_network_that_cannot_be_queried_says_so(tiny, batch):
    with pytest.raises(ValueError, match="Tiny evaluates whole images at scale 8 only"):
        supervised(tiny.Tiny(), {**batch, "depth_lr": torch.rand(4, 1, 5, 5)}, 0, 1)


@pytest.mark.parametrize(("name", "loss"), [("TinyPair", {"l1": 1.0}), ("Tiny", TWO_LOSSES)])
def test_losses_must_fit_the_groups(name, loss, tiny):
    with pytest.raises(ValueError, match="loss: expected weights of losses for each of"):
        parameter_groups(getattr(tiny, name)(), loss)


def test_any_scale_is_queried_at_the_centres_of_pixels(batch):
    """At the network's own scale the query must give what the image gives."""
    torch.manual_seed(0)
    network = create_model("jiif", scale=8, width=8, blocks=1, hidden=(16,)).eval()
    small = {key: tensor[:1] for key, tensor in batch.items()}
    network.scale = 4  # makes the scale of this batch a foreign one
    result = supervised(network, small, 0, 1)
    network.scale = 8
    expected = network(small["guide"], small["depth_lr"]).flatten().sort().values
    torch.testing.assert_close(result.outputs["depth"].flatten().sort().values, expected, atol=1e-5, rtol=1e-4)
