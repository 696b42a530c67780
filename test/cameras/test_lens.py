"""Lens models against OpenCV's, and back again."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from depth_sr_ros.cameras.lens import Lens

PLUMB_BOB = Lens("plumb_bob", (-0.28, 0.09, 0.001, -0.002, -0.01))
RATIONAL = Lens("rational_polynomial", (0.5, -2.7, 0.0005, -0.0003, 1.6, 0.38, -2.5, 1.5))
PRISM = Lens("rational_polynomial", (*RATIONAL.coefficients, 0.002, -0.001, 0.0005, 0.003))
FISHEYE = Lens("equidistant", (0.02, -0.01, 0.003, -0.001))
LENSES = [PLUMB_BOB, RATIONAL, PRISM, FISHEYE]
GRID = np.stack(np.meshgrid(np.linspace(-0.7, 0.6, 13), np.linspace(-0.4, 0.5, 11)), axis=-1)


def by_opencv(lens, points):
    k, flat = np.array(lens.coefficients), points.reshape(-1, 1, 2)
    if lens.model == "equidistant":
        return cv2.fisheye.distortPoints(flat, np.eye(3), k).reshape(points.shape)
    ahead = np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1)
    return cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), np.eye(3), k)[0].reshape(points.shape)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.model}{len(lens.coefficients)}")
def test_distorts_as_opencv_does(lens):
    np.testing.assert_allclose(lens.distort(GRID), by_opencv(lens, GRID), atol=1e-9)


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: f"{lens.model}{len(lens.coefficients)}")
def test_undistorts_what_opencv_distorts(lens):
    np.testing.assert_allclose(lens.undistort(by_opencv(lens, GRID)), GRID, atol=1e-7)


def test_undistorts_as_opencv_does():
    """OpenCV stops after a few steps, so a mild lens."""
    mild, points = Lens("plumb_bob", (-0.05, 0.02, 0.001, -0.002, 0)), GRID / 2
    wanted = cv2.undistortPoints(points.reshape(-1, 1, 2), np.eye(3), np.array(mild.coefficients))
    np.testing.assert_allclose(mild.undistort(points), wanted.reshape(points.shape), atol=1e-6)
    wanted = cv2.fisheye.undistortPoints(points.reshape(-1, 1, 2), np.eye(3), np.array(FISHEYE.coefficients))
    np.testing.assert_allclose(FISHEYE.undistort(points), wanted.reshape(points.shape), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["plumb_bob", "equidistant"]),
    st.lists(st.floats(-0.15, 0.15), min_size=4, max_size=4),
    st.floats(0, 0.5),
    st.floats(0, 6.2),
)
def test_there_and_back(model, coefficients, radius, angle):
    if model == "plumb_bob":
        coefficients[2:] = [value / 50 for value in coefficients[2:]]
    lens = Lens(model, tuple(coefficients))
    point = radius * np.array([np.cos(angle), np.sin(angle)])
    np.testing.assert_allclose(lens.undistort(lens.distort(point)), point, atol=1e-6)


def test_what_lies_beyond_the_turning_point_is_not_seen():
    """r (1 - 0.3 r^2) rises up to r = 1.054; at 1.5 it is back inside of the image."""
    lens = Lens("plumb_bob", (-0.3, 0, 0, 0, 0))
    assert lens.reach == pytest.approx(np.sqrt(1 / 0.9), abs=1e-3)
    assert abs(1.5 * (1 - 0.3 * 1.5**2)) < 0.6
    assert np.isnan(lens.distort(np.array([[1.5, 0.0], [0.0, -1.2], [1.0, 1.0]]))).all()
    largest = lens.reach * (1 - 0.3 * lens.reach**2)
    assert np.isnan(lens.undistort(np.array([largest + 0.01, 0.0]))).all()
    assert lens.undistort(np.array([0.0, largest - 0.01]))[1] < lens.reach


def test_a_denominator_that_vanishes_limits_the_reach():
    lens = Lens("rational_polynomial", (0, 0, 0, 0, 0, -0.5, 0, 0))  # infinite at r = 1.414
    assert lens.reach == pytest.approx(np.sqrt(2), abs=2e-3)
    assert np.isnan(lens.distort(np.array([1.6, 0.0]))).all()


def test_a_pinhole_changes_nothing():
    for lens in (Lens(), Lens("", ()), Lens("plumb_bob", (0, 0, 0, 0, 0)), Lens("plumb_bob", ())):
        assert lens.formula == 0 and lens.reach == np.inf
        np.testing.assert_array_equal(lens.distort(GRID), GRID)
        np.testing.assert_array_equal(lens.undistort(GRID), GRID)


def test_a_fisheye_without_coefficients_is_still_one():
    lens = Lens("equidistant", (0, 0, 0, 0))
    np.testing.assert_allclose(lens.distort(np.array([1.0, 0.0])), [np.pi / 4, 0], atol=1e-8)


def test_an_untilted_sensor_may_say_so():
    assert Lens("rational_polynomial", (*PRISM.coefficients, 0, 0)).distort(GRID)[0, 0] == pytest.approx(
        PRISM.distort(GRID)[0, 0]
    )


@pytest.mark.parametrize(
    ("model", "coefficients", "sentence"),
    [
        ("fov", (0.9,), "expected one of .*'plumb_bob'.*found 'fov'; rectify"),
        ("plumb_bob", (0.1, 0.2), "plumb_bob distortion: expected 4 or 5 or 8 coefficients, found 2"),
        ("rational_polynomial", (0.1,) * 5, "expected 8 or 12 or 14 coefficients, found 5"),
        ("equidistant", (), "expected 4 coefficients, found 0"),
        ("none", (0.1,) * 5, "expected 0 coefficients, found 5"),
        ("plumb_bob", (0.1, float("nan"), 0, 0, 0), "expected finite numbers"),
        ("rational_polynomial", (0.1,) * 14, "expected an untilted sensor"),
    ],
)
def test_what_cannot_be_used_is_refused(model, coefficients, sentence):
    with pytest.raises(ValueError, match=sentence):
        Lens(model, coefficients)


def test_eight_coefficients_called_plumb_bob_are_those_of_the_rational_polynomial():
    numbers = (0.5, -2.7, 0.0005, -0.0003, 1.6, 0.38, -2.5, 1.5)
    named, real = Lens("plumb_bob", numbers), Lens("rational_polynomial", numbers)
    np.testing.assert_array_equal(named.distort(GRID), real.distort(GRID))
    assert named.reach == real.reach
