"""Error measures, losses, degradation and protocols."""

import pytest
import torch

from depth_sr_ros.models.interpolation import resize_bicubic
from depth_sr_ros.rgbd.grids import reduce_to_grid
from training.datasets.pairs import load_pair, read_manifest
from training.degradation import DEGRADATIONS
from training.losses import masked_l1
from training.metrics import rmse
from training.protocols import PROTOCOLS


def test_rmse_cuts_the_border_and_skips_invalid_pixels():
    target, output = torch.zeros(20, 20), torch.zeros(20, 20)
    output[:6] = 100
    output[10, 10], output[10, 11] = 8, 50
    valid = torch.ones(20, 20)
    valid[10, 11] = 0
    assert rmse(output, target, valid) == pytest.approx((64 / 63) ** 0.5)
    assert rmse(output, target, border=0) > 50


def test_rmse_needs_something_to_compare():
    with pytest.raises(ValueError, match="no valid pixel"):
        rmse(torch.zeros(12, 12), torch.zeros(12, 12))
    with pytest.raises(ValueError, match="one shape"):
        rmse(torch.zeros(12, 12), torch.zeros(12, 13))


def test_masked_l1_averages_over_real_ground_truth_only():
    output = torch.tensor([1.0, 2.0, 100.0]).view(1, 1, 1, 3)
    valid = torch.tensor([1.0, 1.0, 0.0]).view(1, 1, 1, 3)
    assert masked_l1(output, torch.zeros_like(output), valid) == pytest.approx(1.5)
    assert masked_l1(output, torch.zeros_like(output), torch.zeros_like(valid)) == 0


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_reduction_needs_whole_cells_and_keeps_a_plane(name):
    with pytest.raises(ValueError, match="multiples of 8, found 16x20"):
        DEGRADATIONS[name](torch.zeros(1, 1, 16, 20), 8)
    torch.testing.assert_close(DEGRADATIONS[name](torch.full((2, 1, 16, 24), 0.3), 8), torch.full((2, 1, 2, 3), 0.3))


def test_median_is_the_one_that_the_upsampler_takes():
    depth = torch.rand(1, 1, 24, 32, generator=torch.Generator().manual_seed(0))
    expected = reduce_to_grid(depth[0, 0].numpy(), (3, 4))
    assert torch.equal(DEGRADATIONS["median"](depth, 8)[0, 0], torch.from_numpy(expected))


def test_box_is_the_mean_of_a_cell():
    depth = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert DEGRADATIONS["box"](depth, 2).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def test_a_perfect_method_scores_zero_and_bicubic_scores_itself(data_folder):
    pairs = [load_pair(e) for e in read_manifest(data_folder, "test")]
    scores = PROTOCOLS["dkn-bicubic"](lambda guide, depth: resize_bicubic(depth, guide.shape[-2:]), pairs, 8)
    assert scores[0].rmse == pytest.approx(scores[0].bicubic, rel=1e-5)
    assert scores[0].ratio == pytest.approx(1, rel=1e-5)

    target = torch.from_numpy(pairs[0].target)[None, None, :144, :176]
    low, high = pairs[0].target[pairs[0].valid].min(), pairs[0].target[pairs[0].valid].max()
    perfect = PROTOCOLS["dkn-bicubic"](lambda guide, depth: (target - low) / (high - low), pairs, 8)
    assert perfect[0].rmse == pytest.approx(0, abs=1e-4)


def test_bicubic_baseline_on_the_test_scenes_is_the_published_one(shared_data):
    pairs = [load_pair(e) for e in read_manifest(shared_data, "test")]
    scores = PROTOCOLS["dkn-bicubic"](lambda guide, depth: resize_bicubic(depth, guide.shape[-2:]), pairs, 8)
    assert sum(s.rmse for s in scores) / 3 == pytest.approx(3.10, abs=0.02)
