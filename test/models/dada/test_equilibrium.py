"""The fast solver reaches the equilibrium of the plain iteration, and its gradient is the equilibrium's."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.dada.diffusion import Coefficients, edge_coefficients, flux_step, iterate
from depth_sr_ros.models.dada.equilibrium import equilibrium, equilibrium_in_graph, from_blocks, pace_of, to_blocks
from depth_sr_ros.models.layers.interpolation import resize_bicubic

SCALE = 4
SETTLED = 3000  # accelerated steps after which nothing moves


def _problem(cells=(3, 4), batch=2, contrast=0.1):
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(batch, 1, *cells, generator=generator, dtype=torch.float64) + 0.1
    image = F.interpolate(source, scale_factor=SCALE)
    features = contrast * torch.rand(batch, 5, *image.shape[2:], generator=generator, dtype=torch.float64)
    return image, source, edge_coefficients(features, 0.03)


def _valid(source):
    valid = torch.ones_like(source)
    valid[:, :, 1, 1:3] = 0
    return valid


def _gradient(result, weights, coefficients):
    return torch.cat([g.flatten() for g in torch.autograd.grad((result * weights).sum(), coefficients)])


def _leaves(coefficients):
    return Coefficients(*(c.clone().requires_grad_() for c in coefficients))


def test_block_layout_is_reversible_and_puts_blocks_first():
    image = torch.arange(2 * 8 * 12.0).view(2, 1, 8, 12)
    blocks = to_blocks(image, SCALE)
    assert blocks.shape == (4, 4, 2, 3, 2)
    assert blocks[1, 2, 1, 0, 1] == image[1, 0, 5, 2]
    assert torch.equal(from_blocks(blocks), image)


@pytest.mark.parametrize(("scale", "cells"), [(4, (1, 1)), (1, (3, 4))])
def test_image_is_left_alone_where_its_blocks_lie_as_its_pixels_do(scale, cells):
    image = torch.rand(1, 1, cells[0] * scale, cells[1] * scale, generator=torch.Generator().manual_seed(0))
    before, source = image.clone(), F.avg_pool2d(image, scale) + 0.1
    equilibrium(image, source, edge_coefficients(image, 0.03), 3, solver="plain")
    assert torch.equal(image, before)


@pytest.mark.parametrize("holes", [False, True])
def test_plain_solver_is_the_plain_iteration(holes):
    image, source, coefficients = _problem()
    valid = _valid(source) if holes else None
    expected = iterate(image, source, coefficients, SCALE, 40, valid)
    torch.testing.assert_close(equilibrium(image, source, coefficients, 40, solver="plain", valid=valid), expected)


@pytest.mark.slow
def test_graph_form_takes_the_same_steps():
    image, source, coefficients = _problem()
    valid = _valid(source)
    expected = equilibrium(image, source, coefficients, 20, valid=valid)
    result = equilibrium_in_graph(image, source, coefficients, SCALE, 20, valid=valid)
    torch.testing.assert_close(result, expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize("holes", [False, True])
def test_a_few_hundred_accelerated_steps_are_worth_thousands(holes):
    image, source, coefficients = _problem(contrast=0.5)
    valid = _valid(source) if holes else None
    settled = equilibrium(image, source, coefficients, 6000, solver="plain", valid=valid)
    fast = equilibrium(image, source, coefficients, 256, valid=valid)
    slow = equilibrium(image, source, coefficients, 256, solver="plain", valid=valid)
    assert (fast - settled).abs().max() < 5e-4
    assert (slow - settled).abs().max() > 10 * (fast - settled).abs().max()


def test_settled_depth_is_moved_by_no_further_step():
    image, source, coefficients = _problem()
    settled = equilibrium(image, source, coefficients, SETTLED)
    torch.testing.assert_close(iterate(settled, source, coefficients, SCALE, 1), settled, rtol=0, atol=2e-9)
    assert (flux_step(settled, coefficients) - settled).abs().max() > 1e-4


@pytest.mark.parametrize("contrast", [0.0, 0.1, 0.5])
def test_momentum_survives_steps_of_the_full_range(contrast):
    """Cells that jump between the smallest and the largest depth: overshoot must neither grow nor turn depth around."""
    generator = torch.Generator().manual_seed(1)
    source = (torch.rand(1, 1, 6, 8, generator=generator) > 0.5).float() + 0.1
    image = F.interpolate(source, scale_factor=8.0, mode="bicubic")
    features = contrast * torch.rand(1, 8, 48, 64, generator=generator)
    coefficients = edge_coefficients(features, 0.03)
    fast = equilibrium(image, source, coefficients, 256)
    settled = equilibrium(image, source, coefficients, 6000, solver="plain")
    assert fast.min() > 0
    assert (fast - settled).square().mean().sqrt() < 1e-3


def _scene(height, width):
    """A slanted wall behind a box and thin bars, with texture that depth does not follow: guide, depth in [0, 1]."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    depth = 0.6 + 0.3 * x
    depth[((x - 0.4) ** 2 + (y - 0.5) ** 2) < 0.04] = 0.25
    depth[(20 * x + 3 * y) % 5 < 0.4] = 0.1
    texture = 0.1 * torch.sin(60 * x) * torch.cos(45 * y)
    noise = 0.02 * torch.randn(3, height, width, generator=torch.Generator().manual_seed(3))
    guide = 0.4 * (torch.stack([depth, 1 - depth, depth**2]) + texture + noise)
    return guide[None].clamp(0, 1), depth[None, None]


def _features(kind, guide, depth, start):
    """Features per pixel and kappa: of the learning-free variant, of random layers, and such as training aims for."""
    if kind == "learning_free":
        return torch.cat([(guide - 0.2) / 0.225, start], dim=1), 0.03
    if kind == "random_layers":
        generator = torch.Generator().manual_seed(4)
        weights = [0.1 * torch.randn(shape, generator=generator) for shape in ((16, 3, 5, 5), (64, 16, 5, 5))]
        return F.conv2d(F.conv2d(guide, weights[0], padding=2).relu(), weights[1], padding=2), 0.03
    return torch.cat([depth, 0.02 * guide], dim=1), 0.03 / 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "steps"), [("learned", 256), ("random_layers", 256), ("learning_free", 320)], ids=lambda v: str(v)
)
def test_a_few_hundred_steps_stand_for_the_published_9024(kind, steps):
    """Within a thousandth of the range on the whole, and every block mean as exact as float32 is."""
    guide, depth = _scene(96, 128)
    source = F.avg_pool2d(depth, 8)
    start = resize_bicubic(source, depth.shape[2:]).clamp(min=0.01)
    coefficients = edge_coefficients(*_features(kind, guide, depth, start))
    published = equilibrium(start, source, coefficients, 9024, solver="plain")
    fast = equilibrium(start, source, coefficients, steps)
    spread = source.max() - source.min()
    assert (start - published).square().mean().sqrt() > 0.01 * spread
    assert (fast - published).square().mean().sqrt() < 0.001 * spread
    torch.testing.assert_close(F.avg_pool2d(fast, 8), source, rtol=2e-6, atol=0)


@pytest.mark.parametrize("solver", ["plain", "accelerated"])
def test_block_means_are_the_source_after_any_step(solver):
    image, source, coefficients = _problem()
    for steps in (1, 7):
        result = equilibrium(image, source, coefficients, steps, solver=solver)
        torch.testing.assert_close(F.avg_pool2d(result, SCALE), source, rtol=1e-6, atol=0)


@pytest.mark.parametrize("holes", [False, True])
def test_gradient_is_that_of_thousands_of_unrolled_steps(holes):
    image, source, coefficients = _problem()
    valid = _valid(source) if holes else None
    settled = equilibrium(image, source, coefficients, SETTLED, valid=valid)
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    unrolled, implicit = _leaves(coefficients), _leaves(coefficients)
    expected = _gradient(iterate(settled, source, unrolled, SCALE, 800, valid), weights, unrolled)
    result = equilibrium(image, source, implicit, SETTLED, adjoint_steps=256, valid=valid)
    assert (_gradient(result, weights, implicit) - expected).norm() < 1e-4 * expected.norm()


def test_plain_adjoint_steps_are_back_propagation_through_as_many_last_steps():
    image, source, coefficients = _problem()
    settled = equilibrium(image, source, coefficients, SETTLED)
    weights = torch.randn(image.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    unrolled, implicit = _leaves(coefficients), _leaves(coefficients)
    expected = _gradient(iterate(settled, source, unrolled, SCALE, 32), weights, unrolled)
    result = equilibrium(settled, source, implicit, 1, solver="plain", adjoint_steps=31)
    assert (_gradient(result, weights, implicit) - expected).norm() < 1e-7 * expected.norm()


def test_gradient_predicts_what_a_changed_coefficient_does():
    image, source, coefficients = _problem(batch=1)
    leaves = _leaves(coefficients)
    gradient = torch.autograd.grad(equilibrium(image, source, leaves, 800, adjoint_steps=400)[0, 0, 5, 6], leaves)[0]
    change = torch.zeros_like(coefficients.vertical)
    change[0, 0, 4, 6] = 1e-5
    after, before = (
        equilibrium(image, source, Coefficients(coefficients.vertical + c, coefficients.horizontal), 800)
        for c in (change, -change)
    )
    assert ((after - before)[0, 0, 5, 6] / 2e-5).item() == pytest.approx(gradient[0, 0, 4, 6].item(), rel=1e-3)


def test_unknown_solver_names_the_known_ones():
    with pytest.raises(ValueError, match="'plain', 'accelerated'.*'newton'"):
        pace_of("newton", 256)
