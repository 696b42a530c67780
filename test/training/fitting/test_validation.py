"""Evaluation during training and its pictures."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from depth_sr_ros.models.layers.interpolation import resize_bicubic
from training.datasets.pairs import load_pair, read_manifest
from training.degradation import Scene, degradation
from training.evaluation.cases import pose_degraded
from training.evaluation.metrics import rmse
from training.evaluation.protocols import Protocol
from training.fitting.crop_loader import open_dev
from training.fitting.sample_pictures import panel
from training.fitting.validation import DevEvaluation
from training.recipes.recipe import Collection, DataOptions, DevOptions, Recipe


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


@pytest.mark.parametrize("name", ["kinect", "box+holes:0.2", "bicubic"])
def test_what_counts_is_what_counts_on_the_card(pairs, name, monkeypatch):
    """Noise differs, pixels of unmeasured cells do not: an error there alone is none."""
    evaluation = DevEvaluation(pairs[:1], 8, 1, DevOptions())
    target = evaluation.images[0].target
    counted = []
    monkeypatch.setattr("training.fitting.validation.rmse", lambda *images: counted.append(images[2]) or rmse(*images))
    told = []

    def method(guide, depth_lr, valid_lr):
        told.append(valid_lr)
        return target

    evaluation(method, name)
    measured = told[0].repeat_interleave(8, -1).repeat_interleave(8, -2) > 0
    assert measured.all() == (name == "bicubic")
    assert all(torch.equal(mask, evaluation.images[0].valid & measured) for mask in counted)


def test_dev_and_card_give_one_number_for_one_image(pairs):
    """With noise that does not depend on who draws it."""
    means, _ = DevEvaluation(pairs[:1], 8, 1, DevOptions())(_bicubic, "box+quantise:7")
    (score,) = Protocol(lambda pair, scale: pose_degraded(pair, scale, "box+quantise:7"))(_bicubic, pairs[:1], 8)
    assert means["rmse"] == pytest.approx(score.rmse, rel=1e-4)


def test_an_image_that_a_degradation_leaves_nothing_of_is_not_in_the_mean(pairs):
    empty = replace(pairs[1], valid=np.indices(pairs[1].valid.shape).sum(axis=0) == 90)
    both, one = (DevEvaluation(some, 8, 1, DevOptions()) for some in ([pairs[0], empty], pairs[:1]))
    both.images[1] = replace(both.images[1], valid=torch.zeros_like(both.images[1].valid))
    assert both(_bicubic, "live")[0] == one(_bicubic, "live")[0]
    both.images.pop(0)
    assert all(math.isnan(mean) for mean in both(_bicubic, "live")[0].values())


def test_images_without_ground_truth_in_their_middle_are_left_out_before_training(pairs, capsys):
    beside = replace(pairs[1], valid=pairs[1].valid & (np.indices(pairs[1].valid.shape)[1] < 40))
    evaluation = DevEvaluation([beside, pairs[0]], 8, 1, DevOptions(side=64))
    assert [image.entry.name for image in evaluation.images] == ["s0"]
    assert "layers s1" in capsys.readouterr().err
    assert evaluation(_bicubic, "bicubic")[0]["ratio"] == pytest.approx(1)
    with pytest.raises(ValueError, match=r"layers s1; expected at least one .* larger dev.side"):
        DevEvaluation([beside], 8, 1, DevOptions(side=64))
    assert len(DevEvaluation([beside], 8, 1, DevOptions()).images) == 1


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
