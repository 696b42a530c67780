"""Fused diffusion takes the steps of the plain and of the accelerated solver."""

import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models import create_model
from depth_sr_ros.models.dada.diffusion import Coefficients, edge_coefficients, iterate
from depth_sr_ros.models.dada.equilibrium import equilibrium
from depth_sr_ros.models.fused import diffusion_launch as fused
from depth_sr_ros.models.fused import fuse
from depth_sr_ros.models.fused.diffusion_launch import Launch, launch_for

# side of a cell, cells, launch: images of several tiles with margins and of less than one; odd numbers of cells
_CASES = [
    (4, (3, 5), Launch(32, 2)),
    (4, (7, 9), Launch(32, 2)),
    (2, (17, 13), Launch(32, 3)),
    (8, (5, 3), Launch(32, 1)),
    (8, (9, 7), Launch(64, 2)),
    (16, (1, 3), Launch(32, 1)),
    (1, (6, 11), Launch(16, 4)),
]


def _problem(scale, cells, batch=1):
    generator = torch.Generator().manual_seed(0)
    source = torch.rand(batch, 1, *cells, generator=generator) + 0.1
    size = (cells[0] * scale, cells[1] * scale)
    image = F.interpolate(source, size=size) * (0.8 + 0.4 * torch.rand(batch, 1, *size, generator=generator))
    features = 0.1 * torch.rand(batch, 5, *size, generator=generator)
    valid = (torch.rand(source.shape, generator=generator) > 0.3).float()
    return image, source, edge_coefficients(features, 0.03), valid


def _fused(device, image, source, coefficients, steps, *, valid=None, **options):
    moved = Coefficients(*(c.to(device) for c in coefficients))
    on_device = None if valid is None else valid.to(device)
    with torch.inference_mode():
        result = fused.equilibrium(image.to(device), source.to(device), moved, steps, valid=on_device, **options)
    return result.cpu()


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize(("scale", "cells", "launch"), _CASES)
def test_plain_steps_are_those_of_the_reference(scale, cells, launch, holes, device):
    image, source, coefficients, valid = _problem(scale, cells)
    bound = valid if holes else None
    expected = iterate(image, source, coefficients, scale, 5, bound)
    assert (expected - image).abs().max() > 0.01
    result = _fused(device, image, source, coefficients, 5, solver="plain", valid=bound, launch=launch)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize(("scale", "cells", "launch"), _CASES[1:5])
def test_accelerated_steps_are_those_of_the_reference(scale, cells, launch, holes, device):
    image, source, coefficients, valid = _problem(scale, cells)
    bound = valid if holes else None
    expected = equilibrium(image, source, coefficients, 5, valid=bound)
    result = _fused(device, image, source, coefficients, 5, valid=bound, launch=launch)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", ["plain", "accelerated"])
def test_block_means_are_the_source(solver, device):
    image, source, coefficients, _ = _problem(4, (7, 9))
    for steps in (1, 2, 3):
        result = _fused(device, image, source, coefficients, steps, solver=solver)
        torch.testing.assert_close(F.avg_pool2d(result, 4), source, rtol=1e-6, atol=0)


def test_each_image_of_a_batch_is_diffused_by_itself(device):
    image, source, coefficients, valid = _problem(4, (3, 9), batch=2)
    source[1] *= 7  # and has its own floor
    both = _fused(device, image, source, coefficients, 4, valid=valid)
    for k in range(2):
        part = Coefficients(*(c[k : k + 1] for c in coefficients))
        alone = _fused(device, image[k : k + 1], source[k : k + 1], part, 4, valid=valid[k : k + 1])
        assert torch.equal(both[k : k + 1], alone)


def test_arguments_are_left_alone(device):
    problem = _problem(4, (3, 5))
    image, source, coefficients, valid = problem
    before = image.clone(), source.clone(), coefficients.vertical.clone()
    _fused(device, image, source, coefficients, 3, valid=valid)
    assert all(torch.equal(a, b) for a, b in zip(before, (image, source, coefficients.vertical), strict=True))


def test_dada_gives_the_same_depth(device):
    options = {"scale": 4, "learned": False, "solver": "accelerated", "accelerated_iterations": 6}
    network = create_model("dada", **options).eval().to(device)
    generator = torch.Generator().manual_seed(0)
    guide, depth = (torch.rand(1, c, *size, generator=generator) for c, size in ((3, (12, 20)), (1, (3, 5))))
    with torch.inference_mode():
        expected = network(guide.to(device), depth.to(device))
        same, notes = fuse(network)
        assert same is network and notes == ()
        torch.testing.assert_close(network(guide.to(device), depth.to(device)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("scale", "launch"), [(1, (32, 4)), (4, (32, 2)), (8, (64, 2)), (16, (32, 1)), (64, (64, 1))])
def test_several_steps_a_launch_where_half_of_a_tile_is_written(scale, launch):
    assert launch_for(scale) == launch


def test_cells_that_do_not_fill_a_tile_are_left_to_the_plain_solver():
    with pytest.raises(ValueError, match="scale: expected a power of two up to 64, found 6"):
        launch_for(6)
    network = create_model("dada", scale=6, learned=False).eval()
    _, notes = fuse(network)
    assert notes == ("no fused diffusion: scale: expected a power of two up to 64, found 6",)
    assert network.solve is equilibrium
