"""Noise by noise that was put there."""

import numpy as np
import pytest

from depth_sr_ros.cameras.registration import FILLED, MEASURED, Registered
from depth_sr_ros.live.noise import LEAST, MOST, TYPICAL, WINDOW, local_noise


def wall(share, size=(240, 320), seed=0):
    """A slanted wall with noise, a share of its depth that may differ from pixel to pixel."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    depth = 2 / (1 + 1e-3 * columns - 5e-4 * rows)
    return registered(depth * (1 + share * np.random.default_rng(seed).standard_normal(size)))


def registered(depth, quality=MEASURED):
    depth = np.asarray(depth, np.float32)
    return Registered(depth, np.full(depth.shape, quality, np.uint8), depth.copy(), depth.copy(), 1.0, 0)


def noise_of(frame, ratio=1.0):
    return local_noise(frame, np.log(frame.start), ratio)


@pytest.mark.parametrize("share", [0.002, 0.004, 0.008])
@pytest.mark.parametrize("ratio", [1.0, 2.6])
def test_noise_is_found_as_it_is(share, ratio):
    assert np.median(noise_of(wall(share), ratio)) == pytest.approx(share, rel=0.05)


def test_a_slanted_wall_is_not_noisy():
    assert noise_of(wall(0.0)).max() == pytest.approx(LEAST)


def test_noise_is_local():
    share = np.where(np.arange(320) < 160, 0.002, 0.006)
    noise = noise_of(wall(share))
    assert np.median(noise[:, : 160 - WINDOW]) == pytest.approx(0.002, rel=0.06)
    assert np.median(noise[:, 160 + WINDOW :]) == pytest.approx(0.006, rel=0.06)


@pytest.mark.parametrize("value", [1e-6, 3.0, float(np.finfo(np.float32).max)])
def test_a_pixel_says_nothing_about_others_out_of_reach(value):
    plain, struck = wall(0.003), wall(0.003)
    struck.start[120, 160] = value
    with np.errstate(over="ignore"):
        moved = np.argwhere(noise_of(plain) != noise_of(struck))
    assert np.abs(moved - (120, 160)).max(initial=0) <= WINDOW // 2 + 3


def test_edges_are_no_noise():
    frame = wall(0.003)
    frame.start[:, 100:] *= 1.5
    frame.near[:, 99:101], frame.far[:, 99:101] = 2, 3
    assert np.median(noise_of(frame)[:, 90:110]) == pytest.approx(0.003, rel=0.15)


def test_what_is_filled_says_nothing():
    np.testing.assert_allclose(noise_of(registered(np.full((40, 50), 2.0), FILLED)), TYPICAL, rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 50), (7, 4), (33, 8)])
@pytest.mark.parametrize("ratio", [1.0, 3.0, 10.0])
def test_small_images_have_noise_too(size, ratio):
    noise = noise_of(wall(0.003, size), ratio)
    assert noise.shape == size and noise.dtype == np.float32
    assert (noise >= np.float32(LEAST)).all() and (noise <= np.float32(MOST)).all()
