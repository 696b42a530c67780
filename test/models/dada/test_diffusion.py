"""Diffusion and adjustment do what the formulas say, pixel by pixel."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from depth_sr_ros.models.dada.diffusion import Coefficients, adjust, check_form, edge_coefficients, flux_step, iterate

SCALE = 4


def _problem(cells=(3, 4), batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    source = torch.rand(batch, 1, *cells, generator=generator, dtype=torch.float64) + 0.1
    image = F.interpolate(source, scale_factor=SCALE) * (
        0.8 + 0.4 * torch.rand(batch, 1, cells[0] * SCALE, cells[1] * SCALE, generator=generator, dtype=torch.float64)
    )
    features = 0.1 * torch.rand(batch, 5, *image.shape[2:], generator=generator, dtype=torch.float64)
    return image, source, features


def _step_by_hand(image, source, features, valid):
    """One step with loops over pixels: NumPy arrays (H, W), (h, w), (C, H, W), (h, w)."""
    height, width = image.shape
    result = image.copy()
    for y in range(height):
        for x in range(width):
            for y2, x2 in ((y + 1, x), (y, x + 1)):
                if y2 >= height or x2 >= width:
                    continue
                distance = sum(abs(features[k, y, x] - features[k, y2, x2]) for k in range(len(features)))
                openness = 1 / (1 + (distance / len(features)) ** 2 / 0.03**2)
                flux = 0.24 * openness * (image[y2, x2] - image[y, x])
                result[y, x] += flux
                result[y2, x2] -= flux
    for i, j in np.ndindex(*source.shape):
        block = result[i * SCALE : (i + 1) * SCALE, j * SCALE : (j + 1) * SCALE]
        if valid[i, j]:
            block *= source[i, j] / (block.mean() + 1e-8)
    return result


def test_iteration_equals_loops_over_pixels():
    image, source, features = _problem()
    valid = torch.ones_like(source)
    valid[:, :, 1, 2] = 0
    result = iterate(image, source, edge_coefficients(features, 0.03), SCALE, 6, valid)
    for k in range(len(image)):
        expected = image[k, 0].numpy()
        for _ in range(6):
            expected = _step_by_hand(expected, source[k, 0].numpy(), features[k].numpy(), valid[k, 0].numpy())
        np.testing.assert_allclose(result[k, 0].numpy(), expected, rtol=1e-12)


def test_flux_moves_depth_without_losing_any():
    image, _, features = _problem()
    moved = flux_step(image, edge_coefficients(features, 0.03))
    assert not torch.allclose(moved, image)
    torch.testing.assert_close(moved.sum(dim=(2, 3)), image.sum(dim=(2, 3)))


def test_nothing_flows_where_the_coefficient_is_zero():
    image, _, _ = _problem()
    closed = Coefficients(torch.zeros_like(image[:, :, 1:]), torch.zeros_like(image[..., 1:]))
    assert torch.equal(flux_step(image, closed), image)


def test_adjustment_restores_the_block_means_of_valid_cells_only():
    image, source, _ = _problem()
    valid = (torch.rand(source.shape, generator=torch.Generator().manual_seed(1)) > 0.4).to(source)
    adjusted = adjust(image, source, SCALE, valid)
    expected = torch.where(valid > 0, source, F.avg_pool2d(image, SCALE))
    torch.testing.assert_close(F.avg_pool2d(adjusted, SCALE), expected, rtol=1e-6, atol=0)


def test_forms_of_the_coefficients():
    features = torch.tensor([[0.0, 0.03], [0.0, 0.09]]).view(1, 2, 1, 2)
    assert edge_coefficients(features, 0.03).horizontal.item() == pytest.approx(1 / (1 + 2**2))
    assert edge_coefficients(features, 0.03, "paper").horizontal.item() == pytest.approx(1 / (1 + 1 + 9))
    assert edge_coefficients(features, 0.03).vertical.shape == (1, 1, 0, 2)


def test_unknown_form_names_the_known_ones():
    with pytest.raises(ValueError, match="'code', 'paper'.*'l2'"):
        check_form("l2")
