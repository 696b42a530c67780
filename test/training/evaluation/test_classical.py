"""Classical methods."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from training.evaluation.classical import CLASSICAL, classical_methods
from training.evaluation.classical.filters import fast_global_smoother, guided_filter, joint_bilateral_filter
from training.evaluation.classical.solver import fast_bilateral_solver
from training.evaluation.protocols import bicubic_up


@pytest.fixture(scope="module")
def scene():
    """Two surfaces, each of its own colour, with an outline that no cell of 8 px follows."""
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(112.0), indexing="ij")
    near = ((y - 45) ** 2 + (x - 60) ** 2 < 27**2)[None, None]
    noise = 0.01 * torch.randn(1, 3, 96, 112, generator=torch.Generator().manual_seed(0))
    guide = (torch.where(near, torch.tensor([0.8, 0.3, 0.2]).view(1, 3, 1, 1), torch.tensor(0.4)) + noise).clamp(0, 1)
    guide = (guide * 255).round() / 255  # as a data set's images are
    return guide, torch.where(near, 0.2, 0.7 + 0.002 * x)


def _rmse(output, target):
    return float((output - target)[..., 6:-6, 6:-6].square().mean().sqrt())


@pytest.mark.parametrize("name", sorted(set(CLASSICAL) - {"bicubic"}))
@pytest.mark.parametrize("scale", [4, 8])
def test_guided_methods_beat_bicubic_where_colour_tells_the_outline(scene, name, scale):
    guide, target = scene
    depth_lr = F.avg_pool2d(target, scale)
    with torch.inference_mode():
        result = classical_methods(scale, [name])[name](guide, depth_lr)
    assert result.shape == target.shape and torch.isfinite(result).all()
    assert _rmse(result, target) < 0.97 * _rmse(bicubic_up(guide, depth_lr), target)


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_plane_stays_a_plane(scene, name):
    depth_lr = torch.full((1, 1, 12, 14), 0.4)
    with torch.inference_mode():
        result = classical_methods(8, [name])[name](scene[0], depth_lr)
    torch.testing.assert_close(result, torch.full_like(result, 0.4), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", CLASSICAL)
def test_images_of_a_batch_do_not_meet(scene, name):
    guide, target = scene
    guides, depths = torch.cat((guide, guide.flip(-1))), F.avg_pool2d(torch.cat((target, 1 - target)), 8)
    method = classical_methods(8, [name])[name]
    with torch.inference_mode():
        torch.testing.assert_close(method(guides, depths)[1:], method(guides[1:], depths[1:]), atol=1e-5, rtol=0)


def test_unknown_method_lists_the_known_ones():
    with pytest.raises(ValueError, match="'guided filter'"):
        classical_methods(8, ["bicubic", "magic"])


def test_guided_filter_follows_its_definition_at_a_pixel(scene):
    """Window by window with numpy, for one pixel."""
    guide, target = scene
    depth_lr, radius, epsilon, (row, column) = F.avg_pool2d(target, 8), 3, 1e-3, (50, 36)
    start, colour = bicubic_up(guide, depth_lr)[0, 0].double().numpy(), guide[0].double().numpy()
    slopes, offsets = [], []
    for y in range(row - radius, row + radius + 1):
        for x in range(column - radius, column + radius + 1):
            window = np.s_[y - radius : y + radius + 1, x - radius : x + radius + 1]
            values, colours = start[window].ravel(), colour[(slice(None), *window)].reshape(3, -1)
            covariance = np.cov(colours, bias=True) + epsilon * np.eye(3)
            slope = np.linalg.solve(covariance, (colours * values).mean(1) - colours.mean(1) * values.mean())
            slopes.append(slope)
            offsets.append(values.mean() - slope @ colours.mean(1))
    expected = np.mean(slopes, axis=0) @ colour[:, row, column] + np.mean(offsets)
    found = guided_filter(guide, depth_lr, epsilon, radius)[0, 0, row, column]
    assert float(found) == pytest.approx(expected, abs=1e-6)


def test_global_smoother_solves_its_equations():
    """One pass along equal rows is an exact weighted least squares problem."""
    torch.manual_seed(0)
    guide, depth_lr = torch.randint(0, 256, (1, 3, 1, 12)).expand(-1, -1, 8, -1) / 255, torch.rand(1, 1, 1, 12)
    depth_lr = depth_lr.expand(-1, -1, 8, -1).contiguous()
    weights = torch.exp(-(guide[..., 1:] - guide[..., :-1]).double().square().sum(1).sqrt() * 255 / 100)[0, 0]
    degrees = torch.diag(F.pad(weights, (0, 1)) + F.pad(weights, (1, 0)))
    laplacian = degrees - torch.diag(weights, 1) - torch.diag(weights, -1)
    expected = torch.linalg.solve(torch.eye(12) + 5 * laplacian, depth_lr[0, 0, 0].double())
    found = fast_global_smoother(guide, depth_lr, smoothness=5, colour=100, iterations=1)
    torch.testing.assert_close(found[0, 0].double(), expected.expand(8, -1), atol=1e-5, rtol=0)


def test_bilateral_solver_keeps_what_it_is_told_to_trust(scene):
    guide, target = scene
    depth_lr = F.avg_pool2d(target, 8)
    results = [fast_bilateral_solver(guide, depth_lr, smoothness=s, confidence=9.0) for s in (1000.0, 0.01)]
    loose, tight = (_rmse(result, bicubic_up(guide, depth_lr)) for result in results)
    assert tight < 0.5 * loose


def test_bilateral_filter_follows_its_definition_at_a_pixel(scene):
    guide, target = scene
    depth_lr, (row, column) = F.avg_pool2d(target, 8), (50, 36)
    start = bicubic_up(guide, depth_lr)[0, 0].double().numpy()
    colour = (guide[0].double().numpy() * 255).round()
    y, x = np.mgrid[row - 4 : row + 5, column - 4 : column + 5]
    distance = (y - row) ** 2 + (x - column) ** 2
    difference = np.abs(colour[:, y, x] - colour[:, row, column][:, None, None]).sum(0)
    weights = np.exp(-(difference**2) / (2 * 20.0**2) - distance / (2 * 5.0**2)) * (distance <= 16)
    found = joint_bilateral_filter(guide, depth_lr)[0, 0, row, column]
    assert float(found) == pytest.approx((weights * start[y, x]).sum() / weights.sum(), abs=1e-5)


def test_an_opencv_without_filters_is_named(scene, monkeypatch):
    monkeypatch.delattr("cv2.ximgproc")
    with pytest.raises(RuntimeError, match="expected an OpenCV with ximgproc, found .* opencv-contrib-python-headless"):
        guided_filter(scene[0], F.avg_pool2d(scene[1], 8))


def test_scale_is_read_from_the_sizes(scene):
    guide, target = scene
    outputs = [guided_filter(guide, F.avg_pool2d(target, scale)) for scale in (4, 8, 16)]
    errors = [_rmse(output, target) for output in outputs]
    assert errors == sorted(errors) and not any(map(math.isnan, errors))
