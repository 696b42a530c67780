"""Units, holes and normalisation around a network."""

import numpy as np
import pytest
import torch

from depth_sr_ros.models import create_model
from depth_sr_ros.models.export.frame_graph import FrameGraph, MaskedStartImage, fill_holes
from depth_sr_ros.models.layers.interpolation import resize_bicubic

SCALE = 8


@pytest.fixture(scope="module")
def graph():
    torch.manual_seed(0)
    return FrameGraph(create_model("fdkn", scale=SCALE)).eval()


def _frame(height=16, width=20):
    generator = torch.Generator().manual_seed(3)
    rgb = torch.randint(0, 256, (height * SCALE, width * SCALE, 3), dtype=torch.uint8, generator=generator)
    depth = 1 + torch.rand(height, width, generator=generator)
    depth[0, 0], depth[-1, -1] = 0.9, 2.1
    return rgb, depth


@torch.inference_mode()
def test_without_holes_it_is_the_network_on_normalised_depth(graph):
    rgb, depth = _frame()
    low, span = depth.min(), depth.max() - depth.min()
    guide = rgb.permute(2, 0, 1)[None].float() / 255
    expected = graph.network(guide, ((depth - low) / span)[None, None])[0, 0].clamp(0, 1) * span + low
    output, valid = graph(rgb, depth)
    torch.testing.assert_close(output, expected, atol=5e-6, rtol=0)
    assert valid.all()


@torch.inference_mode()
def test_at_scale_one_depth_itself_is_the_start_image():
    _, depth = _frame()
    dense, start = MaskedStartImage(1)(depth[None, None], torch.ones(1, 1, *depth.shape))
    assert torch.equal(dense[0, 0], depth)
    torch.testing.assert_close(start[0, 0], depth)


@torch.inference_mode()
def test_metres_or_decimetres_give_the_same_scene(graph):
    rgb, depth = _frame()
    torch.testing.assert_close(graph(rgb, depth * 10)[0], graph(rgb, depth)[0] * 10, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_validity_follows_the_sensors_cells(graph):
    rgb, depth = _frame()
    depth[3, 4] = 0
    _, valid = graph(rgb, depth)
    assert (valid == 0).sum() == SCALE * SCALE
    assert (valid[3 * SCALE : 4 * SCALE, 4 * SCALE : 5 * SCALE] == 0).all()


@torch.inference_mode()
def test_hole_changes_the_start_image_one_and_a_half_cells_beyond_its_edge_at_most():
    _, depth = _frame()
    start = MaskedStartImage(SCALE)
    holed = depth.clone()
    holed[7:9, 9:11] = 0
    before = start(depth[None, None], torch.ones(1, 1, *depth.shape))[1][0, 0]
    after = start(holed[None, None], (holed > 0).float()[None, None])[1][0, 0]
    changed = (before != after).nonzero()
    reach = 1.5 * SCALE
    assert changed[:, 0].min() >= 7 * SCALE - reach and changed[:, 0].max() < 9 * SCALE + reach
    assert changed[:, 1].min() >= 9 * SCALE - reach and changed[:, 1].max() < 11 * SCALE + reach


@torch.inference_mode()
def test_hole_changes_depth_no_farther_than_the_kernel_reaches(graph):
    rgb, depth = _frame(32, 32)
    holed = depth.clone()
    holed[16, 16] = 0
    changed = ((graph(rgb, depth)[0] - graph(rgb, holed)[0]).abs() > 1e-6).nonzero()
    # start image 1.5 cells, then six 3 x 3 layers at quarter size, then the sampling window
    reach = 1.5 * SCALE + 4 * 6 + 4 + 7
    assert (changed - (16.5 * SCALE)).abs().max() <= SCALE / 2 + reach


@torch.inference_mode()
@pytest.mark.parametrize("seed", range(3))
def test_holes_never_ring(graph, seed):
    """Near and far cells at random, a third of them holes: a zero in their place would pull the start image down."""
    generator = torch.Generator().manual_seed(seed)
    rgb, _ = _frame(20, 24)
    depth = torch.where(torch.rand(20, 24, generator=generator) < 0.5, 1.0, 2.0)
    mask = (torch.rand(20, 24, generator=generator) < 0.7).float()
    start = MaskedStartImage(SCALE)((depth * mask)[None, None], mask[None, None])[1][0, 0]
    zero_filled = resize_bicubic((depth * mask)[None, None], (160, 192))[0, 0]
    # the overshoot that Keys' kernel has on dense cells between 1 and 2: (1 + n)^2 + n^2 with n = 0.125 at the most
    assert start.min() >= 1 - 0.282 and start.max() <= 2 + 0.282
    assert zero_filled.min() < 0
    output, _ = graph(rgb, depth * mask)
    assert output.min() >= 1 - 1e-5 and output.max() <= 2 + 1e-5


@torch.inference_mode()
def test_plane_with_a_hole_stays_a_plane_beside_it():
    depth = torch.full((12, 12), 0.6)
    mask = torch.ones(12, 12)
    mask[4:8, 4:8] = 0
    start = MaskedStartImage(SCALE)((depth * mask)[None, None], mask[None, None])[1]
    torch.testing.assert_close(start, torch.full_like(start, 0.6), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_frame_without_valid_depth_gives_zero_and_invalid(graph):
    rgb, depth = _frame()
    output, valid = graph(rgb, torch.zeros_like(depth))
    assert not output.any() and not valid.any()


@torch.inference_mode()
def test_near_edge_before_a_far_wall_never_overshoots(graph):
    rgb, _ = _frame()
    y, x = np.mgrid[:16, :20]
    depth = torch.from_numpy(np.where((y - 8) ** 2 + (x - 10) ** 2 < 16, 0.3, 8.0).astype(np.float32))
    output, _ = graph(rgb, depth)
    assert output.min() >= 0.3 - 1e-5 and output.max() <= 8.0 + 1e-5


@torch.inference_mode()
def test_flat_frame_comes_out_flat(graph):
    rgb, depth = _frame()
    output, _ = graph(rgb, torch.full_like(depth, 1.5))
    torch.testing.assert_close(output, torch.full_like(output, 1.5), atol=1e-4, rtol=0)


def test_fill_takes_the_nearest_surroundings():
    depth = torch.zeros(1, 1, 5, 40)
    mask = torch.zeros(1, 1, 5, 40)
    depth[..., :3], mask[..., :3] = 0.2, 1
    depth[..., -3:], mask[..., -3:] = 0.9, 1
    filled = fill_holes(depth, mask)
    assert filled[0, 0, 2, 4] == pytest.approx(0.2, abs=1e-6)
    assert filled[0, 0, 2, 35] == pytest.approx(0.9, abs=1e-6)
