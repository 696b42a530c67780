"""Metrics of the bench of cameras, on arrays made by hand."""

import math

import numpy as np
import pytest

from training.evaluation.camera_scores import depth_edges, flying, near_edges, scores

NAN = float("nan")


def _step(height=12, width=24, near=1.0, far=2.0):
    truth = np.full((height, width), far, np.float32)
    truth[:, : width // 2] = near
    return truth


def test_a_depth_edge_has_two_sides():
    edge = depth_edges(_step())
    assert edge[:, 11:13].all() and edge.sum() == 24
    assert not depth_edges(_step(far=1.03)).any() and depth_edges(_step(far=1.0301)).sum() == 24
    assert depth_edges(_step().T).sum() == 24


def test_the_band_reaches_four_pixels_from_the_edges_pixels():
    band = near_edges(_step())
    assert np.flatnonzero(band[5]).tolist() == list(range(7, 17))
    assert not near_edges(np.ones((5, 5), np.float32)).any()


def test_errors_by_place():
    truth = _step()
    depth = truth.copy()
    depth[:, :6] += 0.010  # elsewhere, 1 %
    depth[:, 11] += 0.100  # at the edge, 10 %
    found = scores(depth, truth)
    assert found.mae == pytest.approx((6 * 10 + 100) / 24, rel=1e-5)
    assert found.edges == pytest.approx(100 / 10, rel=1e-5)
    assert found.elsewhere == pytest.approx(6 * 10 / 14, rel=1e-5)
    assert found.gross == pytest.approx(1 / 24)
    assert found.coverage == 1


def test_only_what_has_value_and_truth_is_scored():
    truth, depth = _step(), _step() + np.float32(0.02)
    truth[:, 0] = NAN
    depth[:, -2:] = NAN
    depth[:, 1] += 1
    found = scores(depth, truth)
    assert found.coverage == pytest.approx(21 / 23)
    assert found.mae == pytest.approx((20 * 20 + 1020) / 21, rel=1e-5)
    where = np.zeros(truth.shape, bool)
    where[:, 2:10] = True
    inside = scores(depth, truth, where)
    assert (inside.coverage, inside.gross) == (1, 0) and inside.mae == pytest.approx(20, rel=1e-5)


def test_a_value_between_two_surfaces_flies_but_not_one_on_the_other_surface():
    truth = _step()
    depth = truth.copy()
    depth[3, 11] = 1.5  # between
    depth[4, 11] = 2.0  # the far surface, one pixel beside it
    depth[5, 14] = 1.0  # the near surface, three pixels beside it
    depth[6, 15] = 1.0  # and four pixels
    expected = np.zeros(truth.shape, bool)
    expected[3, 11] = expected[6, 15] = True
    np.testing.assert_array_equal(flying(depth, truth), expected)
    assert scores(depth, truth).flying == pytest.approx(2 / truth.size)


def test_a_point_flies_beyond_five_percent_on_either_side():
    truth = np.full((9, 9), 2, np.float32)
    depth = truth.copy()
    depth[0, 0], depth[0, 4], depth[4, 0], depth[8, 8] = 2.099, 2.101, 1.901, 1.899
    assert np.argwhere(flying(depth, truth)).tolist() == [[0, 4], [8, 8]]


def test_the_reach_is_round():
    truth = np.full((9, 9), 2, np.float32)
    truth[4, 4] = 1
    depth = truth.copy()
    depth[4, 7] = depth[1, 4] = 1  # 3 px from it
    depth[1, 1] = 1  # 4.2 px from it
    assert np.argwhere(flying(depth, truth)).tolist() == [[1, 1]]


def test_where_no_truth_is_in_reach_nothing_flies():
    truth = np.full((4, 20), NAN, np.float32)
    truth[:, :5] = 1
    depth = np.full(truth.shape, 3, np.float32)
    depth[:, 3] = NAN
    assert np.flatnonzero(flying(depth, truth)[0]).tolist() == [0, 1, 2, 4, 5, 6, 7]
    found = scores(depth, truth)
    assert found.flying == 1 and found.coverage == pytest.approx(4 / 5)


def test_nothing_to_score_is_not_a_number():
    truth = _step()
    found = scores(np.full(truth.shape, NAN, np.float32), truth)
    assert found.coverage == 0 and math.isnan(found.mae) and math.isnan(found.flying)
    with pytest.raises(ValueError, match=r"expected depth of \(12, 24\).*found \(12, 23\)"):
        scores(truth[:, :-1], truth)
