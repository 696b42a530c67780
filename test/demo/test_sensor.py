import numpy as np
import pytest

from demo.sensor import EDGE_DROPOUT, NOISE_M, NOISE_SHARE, RANDOM_DROPOUT, Square, measure


def test_a_square_is_the_mean_of_what_it_knows():
    samples = np.array([[[1, 3, 1, 3], [2, 2, 2, np.nan], [2, 2, np.nan, np.nan]]], np.float32)
    square = Square.of(samples)
    np.testing.assert_array_equal(square.mean, np.array([[2, 2, np.nan]], np.float32))
    np.testing.assert_array_equal(square.edge, [[True, False, False]])


def test_an_unseen_square_is_no_edge_and_has_no_value():
    square = Square.of(np.full((2, 2, 4), np.nan, np.float32))
    assert np.isnan(square.mean).all() and not square.edge.any()
    assert (measure(square, 0) == 0).all()


def flat(edge: bool) -> Square:
    return Square(np.full((300, 400), 3.0, np.float32), np.full((300, 400), edge))


def test_noise_has_the_stated_size():
    measured = measure(flat(False), 0)
    assert measured.dtype == np.uint16
    assert np.std(measured[measured > 0]) / 1000 == pytest.approx(NOISE_M + NOISE_SHARE * 3, rel=0.02)
    assert np.mean(measured[measured > 0]) / 1000 == pytest.approx(3, abs=2e-4)


@pytest.mark.parametrize("edge,share", [(True, EDGE_DROPOUT), (False, RANDOM_DROPOUT)])
def test_pixels_drop_out_as_often_as_stated(edge, share):
    assert (measure(flat(edge), 1) == 0).mean() == pytest.approx(share, abs=0.005)


def test_one_seed_has_one_result():
    np.testing.assert_array_equal(measure(flat(False), 3), measure(flat(False), 3))
    assert (measure(flat(False), 3) != measure(flat(False), 4)).any()
