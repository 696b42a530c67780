"""DAGF against the paper and the structure of the release."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models import create_model
from depth_sr_ros.models.dagf.kernels import filter_coarse
from depth_sr_ros.models.export.reduced_precision import fold_normalisations
from depth_sr_ros.models.layers.adaptive_norm import fold_norms

_DEAD_IN_RELEASE = 47_497


def _small(**options):
    torch.manual_seed(0)
    network = create_model("dagf", **{"scale": 8, "channels": 8, **options})
    for parameter in network.parameters():
        if parameter.numel() == 1:
            torch.nn.init.uniform_(parameter, 0.2, 0.8)
    return network


def _frame(scale=8, cells=(4, 6), batch=2):
    generator = torch.Generator().manual_seed(1)
    guide = torch.rand(batch, 3, cells[0] * scale, cells[1] * scale, generator=generator)
    return guide, torch.rand(batch, 1, *cells, generator=generator)


def test_parameter_counts():
    """The release counts 2,440,207, of which 47,497 never reach the output."""
    count = sum(p.numel() for p in create_model("dagf").parameters())
    assert count == 2_440_207 - _DEAD_IN_RELEASE
    deeper = sum(p.numel() for p in create_model("dagf", residual_blocks=3).parameters())
    assert deeper == 2_495_701 - _DEAD_IN_RELEASE


@pytest.mark.parametrize("side", [1, 3, 5])
def test_filter_equals_unfolding_the_enlarged_map(side):
    """Release: unfold of the nearest-enlarged features with dilation 2, then a weighted sum over the taps."""
    generator = torch.Generator().manual_seed(2)
    features = torch.rand(2, 4, 5, 6, generator=generator)
    kernel = torch.rand(2, side**2, 10, 12, generator=generator)
    enlarged = F.interpolate(features, scale_factor=2.0, mode="nearest")
    columns = F.unfold(enlarged, side, dilation=2, padding=side // 2 * 2).view(2, 4, side**2, 10, 12)
    expected = (columns * kernel[:, None]).sum(dim=2)
    torch.testing.assert_close(filter_coarse(features, kernel), expected)
    with_gradient = filter_coarse(features, kernel.requires_grad_())
    torch.testing.assert_close(with_gradient, expected)


def test_training_form_of_the_filter_has_the_same_gradient():
    generator = torch.Generator().manual_seed(3)
    features = torch.rand(1, 3, 4, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    kernel = torch.rand(1, 9, 8, 10, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(filter_coarse, (features, kernel))


def test_depth_is_nearest_resized_to_half_of_each_level():
    """At x4 the coarsest level sees every second sample, starting with the first."""
    network = _small(scale=4).eval()
    guide, depth = _frame(4, (8, 8))
    seen = []
    network.levels[0].entry.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(guide, depth)
    assert torch.equal(seen[0], depth[:, :, ::2, ::2])


@pytest.mark.parametrize("combination", ["attention", "multiply", "sum", "depth", "guide"])
def test_kernel_combinations_of_the_ablation(combination):
    network = _small(combination=combination).eval()
    guide, depth = _frame()
    output = network(guide, depth)
    other = network(guide.flip(3), depth)
    assert output.isfinite().all()
    depends_on_guide = not torch.equal(output, other)
    assert depends_on_guide == (combination != "depth")


@pytest.mark.parametrize(("levels", "kernel_size"), [(1, 3), (2, 5), (4, 1)])
def test_pyramids_and_kernels_of_the_ablation(levels, kernel_size):
    network = _small(levels=levels, kernel_size=kernel_size).eval()
    guide, depth = _frame(8, (4, 8))
    assert network(guide, depth).shape == (2, 1, 32, 64)


def test_stages_are_the_coarser_levels_at_full_size():
    network = _small().eval()
    guide, depth = _frame()
    outputs = network.training_outputs(guide, depth)
    assert outputs["stages"].shape == (2, 2, 32, 48)
    torch.testing.assert_close(outputs["depth"], network(guide, depth))


def test_one_level_has_no_stages():
    network = _small(levels=1).eval()
    guide, depth = _frame()
    outputs = network.training_outputs(guide, depth)
    assert outputs["stages"].shape == (2, 0, 32, 48)
    torch.testing.assert_close(outputs["depth"], network(guide, depth))


@pytest.mark.parametrize(
    ("fold", "kernel_norm", "trained"),
    [(fold_norms, "none", True), (fold_normalisations, "batch", True), (fold_normalisations, "batch", False)],
)
def test_folding_the_norms_keeps_the_result(fold, kernel_norm, trained):
    network = _small(norm_momentum=0.5, kernel_norm=kernel_norm)
    guide, depth = _frame()
    network.train(trained)(guide, depth)
    network.eval()
    before = network(guide, depth).detach()
    fold(network)
    torch.testing.assert_close(network(guide, depth), before, atol=1e-5, rtol=0)
    assert not [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]


def test_a_bounded_attention_map_keeps_kernels_from_becoming_signs():
    """A map of millions, as training without a bound has made it, leaves nothing for a gradient but with the bound."""
    kernels, gradients = {}, {}
    for activation in ("none", "sigmoid"):
        network = _small(attention_activation=activation)
        generator = network.levels[0].generator
        torch.nn.init.constant_(generator.attention[-1].conv.bias, 1e6)
        features = torch.rand(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(4)) * 4
        kernel = generator(*features)
        kernel.square().sum().backward()
        kernels[activation] = kernel.detach()
        gradients[activation] = generator.kernels["depth"][0].weight.grad.abs().max()
    assert kernels["none"].abs().unique().numel() < 3 and gradients["none"] == 0
    assert kernels["sigmoid"].abs().unique().numel() > 100 and gradients["sigmoid"] > 0


def test_a_normalised_and_bounded_map_starts_in_the_middle_whatever_the_features_are():
    torch.manual_seed(0)
    network = create_model("dagf", initialisation="normalised", attention_activation="sigmoid").train()
    torch.nn.init.normal_(network.guide_head[0].weight, std=100.0)
    guide, depth = _frame()
    maps = []
    for level in network.levels:
        level.generator.attention.register_forward_hook(lambda module, inputs, output: maps.append(output.sigmoid()))
    network(guide, depth)
    assert len(maps) == 3 and all((values - 0.5).abs().mean() < 0.25 for values in maps)
    assert all(((values - 0.5).abs() < 0.48).all() for values in maps)


@pytest.mark.parametrize(("kernel_norm", "varies"), [("none", False), ("batch", True)])
def test_normalised_taps_keep_kernels_from_being_the_same_everywhere(kernel_norm, varies):
    """A bias that has outgrown the features makes one tap win at every pixel, but where taps are normalised."""
    generator = _small(attention_activation="sigmoid", kernel_norm=kernel_norm).levels[0].generator.train()
    for head in generator.kernels.values():
        torch.nn.init.constant_(head[2].bias, 0.0)
        head[2].bias.data[3] = 1e4
    features = torch.rand(2, 2, 8, 16, 16, generator=torch.Generator().manual_seed(5))
    winners = generator(*features).argmax(dim=1)
    assert (winners.unique().numel() > 1) == varies


def test_unknown_kernel_norm_lists_the_known():
    with pytest.raises(ValueError, match="batch.*found 'layer'"):
        create_model("dagf", kernel_norm="layer")


def test_unknown_activation_lists_the_known():
    with pytest.raises(ValueError, match="sigmoid.*found 'tanh'"):
        create_model("dagf", attention_activation="tanh")


def test_unknown_combination_lists_the_known():
    with pytest.raises(ValueError, match="attention.*found 'add'"):
        create_model("dagf", combination="add")


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match="odd number, found 4"):
        create_model("dagf", kernel_size=4)
