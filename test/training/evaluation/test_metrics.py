"""Error measures."""

import numpy as np
import pytest
import torch

from training.evaluation.metrics import (
    BadPixels,
    BoundaryError,
    FMeasure,
    LowResolutionConsistency,
    MeanAbsoluteError,
    MeanSquareError,
    NothingToMeasure,
    RootMeanSquareError,
    WeightedFMeasure,
    rmse,
)
from training.evaluation.saliency import weighted_f_measure

SIMPLE = [
    (RootMeanSquareError, (10 / 4) ** 0.5),
    (MeanSquareError, 10 / 4),
    (MeanAbsoluteError, 1.0),
    (BadPixels, 25.0),
]


def test_rmse_cuts_the_border_and_skips_invalid_pixels():
    target, output = torch.zeros(20, 20), torch.zeros(20, 20)
    output[:6] = 100
    output[10, 10], output[10, 11] = 8, 50
    valid = torch.ones(20, 20)
    valid[10, 11] = 0
    assert rmse(output, target, valid) == pytest.approx((64 / 63) ** 0.5)
    assert rmse(output, target, border=0) > 50


def test_measures_need_something_to_compare():
    with pytest.raises(ValueError, match="no valid pixel"):
        rmse(torch.zeros(12, 12), torch.zeros(12, 12))
    with pytest.raises(ValueError, match="one shape"):
        rmse(torch.zeros(12, 12), torch.zeros(12, 13))


@pytest.mark.parametrize(("measure", "expected"), SIMPLE)
def test_simple_measures(measure, expected):
    output = torch.tensor([[3.0, 0.0], [-1.0, 0.0]])
    assert float(measure().of_image(output, torch.zeros(2, 2))) == pytest.approx(expected)


def test_images_are_averaged_and_never_pooled():
    measure = RootMeanSquareError()
    output, target = torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    output[0], output[1] = 1, 5
    valid = torch.ones_like(target)
    valid[1, :, :, 1:] = 0
    measure.update(output, target, valid)
    measure.update(output[:1], target[:1])
    assert float(measure.compute()) == pytest.approx((1 + 5 + 1) / 3)
    measure.reset()
    measure.update(output[1:], target[1:])
    assert float(measure.compute()) == 5


def test_boundary_error_looks_near_edges_only():
    target = torch.zeros(32, 32)
    target[:, 16:] = 1
    near, far = torch.zeros(32, 32), torch.zeros(32, 32)
    near[:, 14], far[:, 5] = 0.5, 0.5
    measure = BoundaryError(reach=4)
    assert float(measure.of_image(target + near, target)) > 0.1
    assert float(measure.of_image(target + far, target)) == 0


def test_holes_in_the_truth_are_no_edges():
    target = torch.full((32, 32), 5.0)
    target[:, 24:] = 6
    target[4:8, 4:8] = 0
    valid = target > 0
    output = target.clone()
    output[:12, :12] += 1
    assert float(BoundaryError(reach=2).of_image(output, target, valid)) == 0


def test_low_resolution_consistency_sees_block_means_only():
    target = torch.zeros(8, 8)
    checkered = target.clone()
    checkered[::2, ::2], checkered[1::2, ::2] = 1, -1
    measure = LowResolutionConsistency(scale=4)
    assert float(measure.of_image(checkered, target)) == pytest.approx(0)
    assert float(measure.of_image(target + 0.5, target)) == pytest.approx(0.25)


def test_low_resolution_consistency_leaves_out_cells_that_reach_into_the_border():
    target, output = torch.zeros(26, 26), torch.zeros(26, 26)
    # with 6 px cut, cells of 8 px are whole from 8 to 16 only: 16 to 24 ends beyond 20
    output[6:8], output[16:] = 5, 5
    assert float(LowResolutionConsistency(8, border=6).of_image(output, target)) == 0
    output[8:16, 8:16] = 2
    assert float(LowResolutionConsistency(8, border=6).of_image(output, target)) == pytest.approx(4)
    with pytest.raises(NothingToMeasure, match="no whole cell of 16 px"):
        LowResolutionConsistency(16, border=6).of_image(output, target)


def test_what_is_not_finite_makes_every_measure_nan():
    target, output = torch.zeros(16, 16), torch.zeros(16, 16)
    output[3, 3] = torch.inf
    for measure in (RootMeanSquareError(), BadPixels(), FMeasure(), LowResolutionConsistency(4)):
        assert torch.isnan(measure.of_image(output, target))
    valid = torch.ones(16, 16)
    valid[3, 3] = 0
    assert rmse(output, target, valid, border=0) == 0


def test_f_measure_by_hand():
    saliency = torch.tensor([[0.9, 0.8], [0.7, 0.1]])
    truth = torch.tensor([[1.0, 1.0], [0.0, 1.0]])
    # cut at 0.5: precision 2/3, recall 2/3
    assert float(FMeasure(threshold=0.5).of_image(saliency, truth)) == pytest.approx(2 / 3)
    # twice the mean is above 1: nothing but full certainty would count
    assert float(FMeasure().of_image(saliency, truth)) == 0


def test_weighted_f_measure_ranks_as_it_should():
    truth = torch.zeros(40, 40)
    truth[10:30, 10:30] = 1
    measure = WeightedFMeasure()
    shifted, far = truth.roll(1, 0), truth.clone()
    far[0:2, 0:10] = 1
    scores = [float(measure.of_image(image, truth)) for image in (truth, shifted, 0.5 * truth, torch.zeros_like(truth))]
    assert scores[0] == pytest.approx(1)
    assert scores[0] > scores[1] > scores[2] > scores[3] == pytest.approx(0)
    near = truth.clone()
    near[30, 10:30] = 1
    assert measure.of_image(near, truth) > measure.of_image(far, truth)


def test_weighted_f_measure_follows_its_definition():
    """Against the paper's formulas written out, every distance measured."""
    rng = np.random.default_rng(0)
    truth = np.zeros((14, 15), bool)
    truth[4:9, 5:10] = True
    saliency = np.clip(truth * 0.7 + rng.uniform(0, 0.3, truth.shape), 0, 1)
    inside, error = np.argwhere(truth), np.abs(saliency - truth)
    spread, weight = error.copy(), np.ones(truth.shape)
    for y, x in np.argwhere(~truth):
        distance = np.hypot(*(inside - (y, x)).T)
        tied = np.isclose(distance, distance.min()).sum() > 1
        spread[y, x] = np.nan if tied else error[tuple(inside[distance.argmin()])]
        weight[y, x] = 2 - 0.5 ** (distance.min() / 5)
    line = np.exp(-((np.arange(7) - 3) ** 2) / 50)
    kernel = np.outer(line, line) / line.sum() ** 2
    padded = np.pad(spread, 3)
    smooth = sum(kernel[i, j] * padded[i : i + 14, j : j + 15] for i in range(7) for j in range(7))
    graded = np.where(truth & (smooth < error), smooth, error) * weight
    assert not np.isnan(smooth[truth]).any()
    recall = 1 - graded[truth].mean()
    hits = (1 - graded)[truth].sum()
    precision = hits / (hits + graded[~truth].sum())
    expected = 2 * recall * precision / (recall + precision)
    found = weighted_f_measure(torch.from_numpy(saliency), torch.from_numpy(truth))
    assert float(found) == pytest.approx(expected, rel=1e-6)
