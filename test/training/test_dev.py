"""Evaluation during training and its pictures."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_sr_ros.models.interpolation import resize_bicubic
from training.data import open_dev
from training.datasets.pairs import load_pair, read_manifest
from training.degradation import Scene, degradation
from training.dev import DevEvaluation
from training.recipe import Collection, DataOptions, DevOptions, Recipe
from training.samples import panel


@pytest.fixture(scope="module")
def pairs(data_folder):
    return [load_pair(e) for e in read_manifest(data_folder, "train")]


def _bicubic(guide, depth_lr):
    return resize_bicubic(depth_lr, guide.shape[-2:])


def test_bicubic_has_the_ratio_one_and_the_truth_none(pairs):
    evaluation = DevEvaluation(pairs[:1], 8, 1, DevOptions())
    assert evaluation(_bicubic, "bicubic")[0]["ratio"] == pytest.approx(1)
    assert evaluation(lambda guide, depth: evaluation.images[0].target, "bicubic")[0] == {"rmse": 0, "ratio": 0}


def test_error_is_in_the_unit_of_the_ground_truth(pairs):
    evaluation = DevEvaluation(pairs[:1], 8, 1, DevOptions())
    span = np.ptp(pairs[0].target[pairs[0].valid])
    means, _ = evaluation(lambda guide, depth: evaluation.images[0].target + 0.5, "bicubic")
    assert means["rmse"] == pytest.approx(span / 2, rel=1e-5)


def test_noise_is_the_same_every_time(pairs):
    evaluation = DevEvaluation(pairs[:2], 8, 1, DevOptions())
    assert evaluation(_bicubic, "live")[0] == evaluation(_bicubic, "live")[0]


@pytest.mark.parametrize("name", ["kinect", "tof"])
def test_cameras_see_disparity_as_depth(pairs, name):
    """Noise and shadows of a camera belong to far things, whose disparity is small."""
    evaluation = DevEvaluation(pairs[:1], 8, 1, DevOptions(pictures=1))
    image = evaluation.images[0]
    (sample,) = evaluation(_bicubic, name)[1]
    seen = degradation(name)(1 - image.target, 8, np.random.default_rng(0), Scene(guide=image.guide))
    torch.testing.assert_close(sample.depth_lr, 1 - seen, atol=1e-5, rtol=0)


def test_a_sensors_depth_is_normalised_by_its_own_range_and_results_kept_in_it(pairs):
    evaluation = DevEvaluation(pairs[:1], 8, 1, DevOptions(pictures=1))
    given = []

    def wild(guide, depth_lr):
        given.append(depth_lr)
        return torch.full_like(guide[:, :1], -3.0)

    (sample,) = evaluation(wild, "tof")[1]
    assert float(given[0].min()) == pytest.approx(0, abs=1e-4) and float(given[0].max()) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(sample.result, sample.depth_lr.min().expand_as(sample.result), atol=1e-5, rtol=0)


def test_images_on_which_bicubic_is_right_have_no_ratio(pairs):
    evaluation = DevEvaluation(pairs[:1], 1, 1, DevOptions())
    means, _ = evaluation(_bicubic, "bicubic")
    assert math.isnan(means["ratio"]) and means["rmse"] == pytest.approx(0, abs=1e-3)


def test_flat_images_are_named(pairs):
    flat = replace(pairs[0], target=np.full_like(pairs[0].target, 7))
    with pytest.raises(ValueError, match="its ground truth is 7 everywhere"):
        DevEvaluation([flat], 8, 1, DevOptions())


def test_large_images_are_cut_to_their_middle_and_keep_the_range_of_the_whole(pairs):
    whole, cut = (DevEvaluation(pairs[:1], 8, 16, DevOptions(side=side)).images[0] for side in (0, 70))
    assert whole.target.shape[-2:] == (144, 176) and cut.target.shape[-2:] == (64, 64)
    top, left = (150 - 64) // 2, (180 - 64) // 2
    full = torch.from_numpy(pairs[0].target)[top : top + 64, left : left + 64]
    torch.testing.assert_close(cut.target[0, 0] * (cut.span[1] - cut.span[0]) + cut.span[0], full, atol=1e-3, rtol=0)
    assert cut.span == whole.span


def test_so_many_images_are_taken_from_all_over_the_split(data_folder):
    everything = {"manifest": Collection(split="all", folder=".")}
    recipe = Recipe("fdkn", 8, data=DataOptions(dev=everything), dev=DevOptions(images=2))
    assert [p.entry.name for p in open_dev(recipe, data_folder)] == ["s0", "s2"]


def test_picture_holds_colour_input_result_truth_and_error_on_one_scale(pairs):
    evaluation = DevEvaluation(pairs, 8, 1, DevOptions(pictures=1))
    (sample,) = evaluation(lambda guide, depth: evaluation.images[0].target, "bicubic")[1]
    height, width = sample.target.shape[-2:]
    picture = panel(sample)
    assert picture.shape == (height, 5 * width + 4 * 4, 3)
    colour, _, result, truth, error = (picture[:, k * (width + 4) :][:, :width] for k in range(5))
    assert np.array_equal(colour, pairs[0].rgb[:height, :width])
    assert np.array_equal(result, truth)
    assert (error == error[0, 0]).all()
