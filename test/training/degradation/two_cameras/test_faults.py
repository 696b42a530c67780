"""Each fault does what its numbers say."""

import numpy as np
import pytest

from training.degradation.two_cameras.correlated import CorrelatedNoise
from training.degradation.two_cameras.driver import Driver, Filling, Smoothing
from training.degradation.two_cameras.fattening import fattened
from training.degradation.two_cameras.fields import smooth_field
from training.degradation.two_cameras.layers import Drawn
from training.degradation.two_cameras.lost import Lost, grazing, thin
from training.degradation.two_cameras.measuring import SensorFaults, measured
from training.degradation.two_cameras.mixing import Mixing
from training.degradation.two_cameras.multipath import Multipath
from training.degradation.two_cameras.noise import AxialNoise
from training.degradation.two_cameras.pixels import Seen, seen_by
from training.degradation.two_cameras.quantisation import Steps
from training.degradation.two_cameras.ragged import ragged
from training.degradation.two_cameras.shadow import Shadow
from training.degradation.two_cameras.wiggle import Wiggle

SIZE = (240, 320)


def _rng(seed=5):
    return np.random.default_rng(seed)


def _flat(z=1.5, size=SIZE):
    return np.full(size, z, np.float32)


def _step(near=1.0, far=2.0, size=SIZE):
    depth = _flat(far, size)
    depth[:, : size[1] // 2] = near
    return depth


def _seen(depth, brightness=0.5):
    return Seen(depth, depth, depth, np.full(depth.shape, brightness, np.float32))


def _share(lost):
    return float(lost.mean())


@pytest.mark.parametrize("length", (0.0, 2.0, 5.0, 30.0))
def test_a_field_has_deviation_one_and_its_length(length):
    fields = np.stack([smooth_field((256, 256), length, _rng(seed)) for seed in range(24)])
    assert fields.std() == pytest.approx(1, abs=0.08)
    assert abs(fields.mean()) < 0.12
    if length:
        at = round(length)
        alike = (fields[:, :, :-at] * fields[:, :, at:]).mean() / fields.var()
        assert alike == pytest.approx(np.exp(-((at / length) ** 2)), abs=0.08)


@pytest.mark.parametrize("z", (0.8, 3.0))
def test_noise_of_neighbours_has_the_sigma_that_is_asked_for(z):
    noise = CorrelatedNoise(0.001, 0.002, 0.0014, 3.0)
    error = np.stack([noise.added(_flat(z), _rng(seed)) - z for seed in range(6)])
    assert error.std() == pytest.approx(0.001 + 0.002 * z + 0.0014 * z**2, rel=0.06)
    alike = (error[:, :, :-3] * error[:, :, 3:]).mean() / error.var()
    assert alike == pytest.approx(np.exp(-1), abs=0.06)


def test_wiggle_has_its_amplitude_and_period():
    z = np.linspace(0.5, 4.5, 4000, dtype=np.float32)[None]
    error = (Wiggle(0.008, 0.5, 0.3).added(z) - z)[0]
    assert error.max() == pytest.approx(0.008, rel=1e-3) and error.min() == pytest.approx(-0.008, rel=1e-3)
    strongest = np.argmax(np.abs(np.fft.rfft(error))[1:]) + 1
    assert 4.0 / strongest == pytest.approx(0.5, rel=0.02)


def test_a_concave_corner_is_rounded_and_pushed_away_and_a_convex_one_is_not():
    x = np.abs(np.arange(101, dtype=np.float32) - 50)
    concave = np.tile(2.0 - 0.004 * x, (60, 1)).astype(np.float32)
    moved = Multipath(0.8, 4).applied(concave) - concave
    assert moved[30, 50] < -0.002 and moved[30, 40] == pytest.approx(0, abs=1e-6)
    assert (moved[30, 46:49] > moved[30, 50]).all() and moved[30, 44:47].max() > 0
    convex = np.tile(2.0 + 0.004 * x, (60, 1)).astype(np.float32)
    away = Multipath(0.8, 4).applied(convex) - convex
    assert abs(away[30, 50]) < 1e-6


def test_multipath_leaves_edges_between_surfaces():
    np.testing.assert_array_equal(Multipath(1.0, 4).applied(_step()), _step())


def test_near_surfaces_grow_by_one_pixel():
    depth = _flat(2.0)
    depth[100:120, 100:140] = 1.0
    fat = fattened(depth)
    expected = _flat(2.0)
    expected[99:121, 100:140] = expected[100:120, 99:141] = 1.0
    np.testing.assert_array_equal(fat, expected)
    assert (fattened(depth, 2) == 1).any(axis=0).sum() == 44
    np.testing.assert_array_equal(fattened(_step(2.0, 2.05)), _step(2.0, 2.05))  # one surface


def test_ragged_edges_lie_within_their_deviation():
    edges = np.argmax(ragged(_step(), 0.8, _rng()) > 1.5, axis=1) - SIZE[1] // 2
    assert 0.5 < edges.std() < 1.3 and abs(edges.mean()) < 0.8
    np.testing.assert_array_equal(ragged(_step(), 0.0, _rng()), _step())


@pytest.mark.parametrize("baseline", (0.075, -0.075))
def test_a_shadow_is_as_wide_as_disparities_differ_and_on_the_side_away(baseline):
    depth = _flat(2.0)
    depth[60:160, 120:200] = 1.0
    hidden = Shadow(baseline).mask(depth, 400.0)
    width = 0.075 * 400 * (1 / 1.0 - 1 / 2.0)
    rows = hidden[60:160].sum(axis=1)
    assert (rows == rows[0]).all() and rows[0] == pytest.approx(width, abs=1)
    beside = slice(104, 120) if baseline > 0 else slice(200, 216)
    assert hidden[60:160, beside].sum() == hidden.sum()
    assert not Shadow(0.0).mask(depth, 400.0).any()
    slanted = np.tile(np.linspace(1, 2, 320, dtype=np.float32), (10, 1))
    assert not Shadow(baseline).mask(slanted, 400.0).any()


def test_ragged_surfaces_stay_as_they_are():
    slanted = np.tile(np.linspace(1, 2, 320, dtype=np.float32), (240, 1))
    np.testing.assert_array_equal(ragged(slanted, 0.8, _rng()), slanted)


@pytest.mark.parametrize(("brightness", "share"), [(0.05, 0.6), (0.18, 0.3), (0.5, 0.0)])
def test_dark_surfaces_are_lost_by_their_share(brightness, share):
    assert _share(Lost(dark=0.6).mask(_seen(_flat(), brightness), 300.0, _rng())) == pytest.approx(share, abs=0.02)


def test_shiny_surfaces_are_lost_by_their_share():
    assert _share(Lost(shiny=0.4).mask(_seen(_flat(), 0.99), 300.0, _rng())) == pytest.approx(0.4, abs=0.02)
    assert _share(Lost(shiny=0.4).mask(_seen(_flat(), 0.8), 300.0, _rng())) == 0


def test_grazing_surfaces_are_lost_and_edges_do_not_graze():
    steep = np.tile(1.0 + 0.02 * np.arange(100, dtype=np.float32), (50, 1))
    assert grazing(steep, 600.0)[:, 1:50].all()
    assert not grazing(steep, 60.0).any()
    assert not grazing(_step(), 600.0).any()
    lost = Lost(grazing=0.5).mask(_seen(np.tile(steep[:, :50], (8, 8))), 600.0, _rng())
    assert _share(lost) == pytest.approx(0.5, abs=0.05)


def test_thin_things_are_lost_and_wide_ones_are_not():
    depth = _flat(2.0)
    depth[:, 50:52], depth[:, 100:104] = 1.0, 1.0
    found = thin(depth, 3)
    assert found[:, 50:52].all() and found.sum() == 2 * SIZE[0]
    assert _share(Lost(thin=0.7).mask(_seen(depth), 300.0, _rng())[:, 50:52]) == pytest.approx(0.7, abs=0.06)


@pytest.mark.parametrize(("reach", "columns"), [(0, slice(160, 161)), (1, slice(159, 162))])
def test_edges_are_lost_by_their_share(reach, columns):
    depth = _step()
    far = depth.copy()
    near = depth.copy()
    near[:, 160] = 1.0
    seen = Seen(depth, near, far, _flat(0.5))
    lost = Lost(edges=0.3, edge_reach=reach).mask(seen, 300.0, _rng())
    assert _share(lost[:, columns]) == pytest.approx(0.3, abs=0.06)
    lost[:, columns] = False
    assert not lost.any()


def test_patches_take_their_share_and_hang_together():
    lost = Lost(patches=0.05, patch_length=8).mask(_seen(_flat()), 300.0, _rng())
    assert _share(lost) == pytest.approx(0.05, abs=1e-4)
    assert _share(lost[:, 1:][lost[:, :-1]]) > 0.4  # of single pixels it would be 0.05


def test_a_driver_smooths_and_keeps_edges_and_holes():
    noisy = AxialNoise(0.005).added(_step(), _rng())
    noisy[10, 10] = np.nan
    for smoothing in (Smoothing.MEDIAN, Smoothing.BILATERAL):
        smooth = Driver(smoothing).applied(noisy)
        assert np.isnan(smooth[10, 10]) and np.isnan(smooth).sum() == 1
        assert np.nanstd(smooth[20:, 5:150]) < 0.6 * 0.005
        assert np.abs(smooth[20:, 162:] - 2).max() < 0.05 and np.abs(smooth[20:, :158] - 1).max() < 0.05


@pytest.mark.parametrize(("filling", "value"), [(Filling.NEAREST, 1.0), (Filling.FARTHEST, 2.0)])
def test_a_driver_fills_holes_from_its_side(filling, value):
    depth = _step()
    depth[:, 158:162] = np.nan
    filled = Driver(filling=filling, fill_reach=1).applied(depth)
    assert np.isnan(filled[:, 159:161]).all() and (filled[:, 158] == 1).all() and (filled[:, 161] == 2).all()
    middle = Driver(filling=filling, fill_reach=3).applied(np.where(np.isnan(filled), np.nan, filled))
    assert np.isfinite(middle).all()
    narrow = _step()
    narrow[:, 160] = np.nan
    assert (Driver(filling=filling, fill_reach=1).applied(narrow)[:, 160] == value).all()


def _fine_edge(bright):
    """One row of pixels of 2x2 samples; the second sees 1 m in one column and 3 m in the other."""
    inverse = np.array([[1, 1, 1, 1 / 3, 1 / 3, 1 / 3]] * 2, np.float32)
    source = np.array([[0, 0, 0, 1, 1, 1]] * 2, np.int32)
    return Drawn(inverse, source), np.array([[bright, 0.2]], np.float32)


def test_a_pixel_mixes_the_mean_of_its_square():
    drawn, brightness = _fine_edge(0.2)
    seen = seen_by(drawn, brightness, 2, Mixing.MEAN)
    np.testing.assert_allclose(seen.depth, [[1, 2, 3]], rtol=1e-6)
    np.testing.assert_allclose(seen.near, [[1, 1, 3]], rtol=1e-6)
    np.testing.assert_allclose(seen.far, [[1, 3, 3]], rtol=1e-6)


def test_bright_samples_count_for_more():
    drawn, brightness = _fine_edge(0.8)
    seen = seen_by(drawn, brightness, 2, Mixing.MEAN, by_brightness=True)
    assert seen.depth[0, 1] == pytest.approx((0.82 * 1 + 0.22 * 3) / 1.04)
    assert seen.brightness[0].tolist() == pytest.approx([0.8, 0.5, 0.2])


def test_one_sample_is_one_surface():
    drawn, brightness = _fine_edge(0.2)
    seen = seen_by(Drawn(drawn.inverse[:, ::2], drawn.source[:, ::2]), brightness, 1, Mixing.ONE)
    assert set(np.round(seen.depth.ravel(), 4)) == {1.0, 3.0}


def test_a_pixel_that_sees_half_of_nothing_is_unknown():
    inverse = np.array([[1, 0], [1, 0], [1, 0], [1, 1]], np.float32)
    seen = seen_by(Drawn(inverse, np.where(inverse > 0, 0, -1).astype(np.int32)), _flat(0.5, (1, 1)), 2, Mixing.MEAN)
    assert np.isnan(seen.depth[0, 0]) and seen.depth[1, 0] == 1


def test_nothing_leaves_the_range_whatever_noise_and_steps_do():
    faults = SensorFaults(
        noise=AxialNoise(0.2), steps=Steps(0.01, 0.004), depth_min=0.9, depth_max=2.1,
        driver=Driver(Smoothing.BILATERAL, filling=Filling.FARTHEST), lost=Lost(patches=0.1),
    )  # fmt: skip
    depth = measured(_seen(_step()), faults, 300.0, _rng())
    known = depth[np.isfinite(depth)]
    assert known.size > 1000 and known.min() >= 0.9 and known.max() <= 2.1


def test_steps_grow_with_the_square_of_the_distance():
    z = np.linspace(1, 4, 200_000, dtype=np.float32)[None]
    depth = measured(_seen(z), SensorFaults(steps=Steps(2.85e-3, 0.0)), 300.0, _rng())
    values = np.unique(depth)
    steps, places = np.diff(values), (values[1:] + values[:-1]) / 2
    np.testing.assert_allclose(steps, 2.85e-3 * places**2, rtol=0.02)


def test_without_faults_the_image_is_what_is_seen():
    np.testing.assert_array_equal(measured(_seen(_step()), SensorFaults(), 300.0, _rng()), _step())
