"""The live path by exact truth, and by what it must not do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from two_cameras import COLOUR, DEPTH, LENSES, motion, with_lens
from two_views import seen

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.registration import FILLED, MEASURED, Registration, RegistrationOptions
from depth_sr_ros.cameras.registrations import KEPT, Registrations
from depth_sr_ros.live.guided import NOISE_M, NOISE_SHARE, filtered
from depth_sr_ros.live.path import LivePath

POSE = motion(x=-0.05, y=0.01, turn=(0.0, 0.01, 0.005))
VGA = Camera(Intrinsics(320, 240, 262.0, 262.0, 159.5, 119.5))


def noisy(depth, seed=0):
    noise = np.random.default_rng(seed).standard_normal(depth.shape) * (0.002 + 0.003 * depth)
    return (depth + noise).astype(np.float32)


def tolerance(depth):
    return NOISE_M + NOISE_SHARE * depth + 1e-5


@pytest.mark.parametrize("lens", sorted(LENSES))
def test_raw_depth_comes_out_where_colour_sees_it(lens):
    depth_camera, colour = (with_lens(c, known) for c, known in zip((DEPTH, COLOUR), LENSES[lens], strict=True))
    raw, (truth, rgb) = seen(depth_camera)[0], seen(colour, POSE)
    result = LivePath()(rgb, raw, Calibration(colour, depth_camera, POSE))
    unaware = LivePath()(rgb, raw, any_aspect=True)
    error, hoped = (np.abs(found.depth - truth).mean() for found in (result, unaware))
    assert error < 0.02 and error < 0.3 * hoped
    assert result.depth.shape == colour.size and np.isfinite(result.depth).all()
    np.testing.assert_array_equal(result.valid, result.quality > FILLED)
    assert 0.7 < result.valid.mean() < 1


@pytest.mark.parametrize("ratio", [0.5, 1, 1.5, 2.67, 4, 7.5])
def test_registered_depth_of_any_ratio_is_at_least_as_good_as_it_came(ratio):
    coarse = VGA.resized(round(320 / ratio), round(240 / ratio))
    truth, rgb = seen(VGA)
    raw = noisy(seen(coarse)[0])
    start = Registration.identity(coarse.size, VGA.size)(raw).start
    result = LivePath()(rgb, raw)
    assert np.abs(result.depth - truth).mean() < 0.8 * np.abs(start - truth).mean()
    assert result.valid.all()


def test_a_noisy_wall_is_one_surface():
    raw, rgb = np.full(VGA.size, 3.0, np.float32), np.full((*VGA.size, 3), 128, np.uint8)
    raw += (0.024 * np.random.default_rng(1).standard_normal(VGA.size)).astype(np.float32)  # neighbours differ by 5 %
    assert np.abs(LivePath()(rgb, raw).depth - 3).mean() < 0.25 * np.abs(raw - 3).mean()


def test_what_is_measured_moves_by_its_noise_only():
    raw, rgb = seen(VGA)
    raw = noisy(raw)
    raw[50:60, 50:60] = np.nan
    result = LivePath()(rgb, raw)
    registered = Registration.identity(VGA.size, VGA.size)(raw)
    plain = (registered.quality == MEASURED) & (registered.near == registered.far)
    assert plain.mean() > 0.9
    assert (np.abs(result.depth - raw)[plain] <= tolerance(raw[plain])).all()
    assert np.abs(result.depth - seen(VGA)[0])[plain].mean() < 0.6 * np.abs(raw - seen(VGA)[0])[plain].mean()


def test_edges_lie_between_their_surfaces():
    raw, rgb = seen(VGA.resized(80, 60))[0], seen(VGA)[1]
    registered = Registration.identity((60, 80), VGA.size)(raw)
    depth = filtered(rgb, registered, 4.0)
    slack = tolerance(registered.start)
    assert (depth >= registered.near - slack).all() and (depth <= registered.far + slack).all()


@pytest.mark.parametrize("wild", [1000.0, float(np.finfo(np.float32).max)])
def test_a_wild_pixel_moves_nothing_far_from_it(wild):
    raw, rgb = seen(VGA)
    before = LivePath()(rgb, raw).depth
    raw = raw.copy()
    raw[100, 100] = wild
    after = LivePath()(rgb, raw).depth
    y, x = np.mgrid[:240, :320]
    far = np.hypot(y - 100, x - 100) > 25
    assert np.abs(after - before)[far].max() < 0.001


def test_range_is_kept_and_counted():
    raw, rgb = seen(VGA)
    result = LivePath(RegistrationOptions(depth_max=2.0))(rgb, raw)
    assert result.beyond_range == (raw > 2).sum() and not result.valid[raw > 2].any()
    assert result.depth[result.valid].max() <= 2.0 + tolerance(2.0)


def test_dots_are_served_at_their_own_density():
    truth, rgb = seen(VGA)
    dots = np.full_like(truth, np.nan)
    dots[2::5, 2::5] = truth[2::5, 2::5]
    path = LivePath()
    result = path(rgb, dots)
    assert result.valid.all() and np.abs(result.depth - truth).mean() < 0.02
    assert "a dot per measurement, taken to a grid of 64x48" in path.notes[0]


def test_a_note_says_what_was_done():
    path = LivePath()
    raw, (_, rgb) = seen(DEPTH)[0], seen(COLOUR, POSE)
    path(rgb, raw, Calibration(COLOUR, DEPTH, POSE))
    path(rgb, raw, Calibration(COLOUR, DEPTH, POSE))
    (note,) = path.notes
    assert "depth 61x47 for colour 149x101: registered here, 51 mm beside colour, 2.12 colour pixels" in note
    assert "covers" in note and "weighted by quality" in note


def test_another_aspect_ratio_needs_cameras():
    raw, (_, rgb) = seen(DEPTH)[0], seen(COLOUR, POSE)
    with pytest.raises(FrameError, match="different aspect ratios.*calibration.json") as refused:
        LivePath()(rgb, raw)
    assert refused.value.cause == "size"


def test_registrations_are_kept_and_not_for_ever():
    kept = Registrations(RegistrationOptions())
    first = kept.between(Calibration(COLOUR, DEPTH, POSE))
    assert kept.between(Calibration(COLOUR, DEPTH, POSE.copy())) is first
    for width in range(20, 20 + KEPT):
        kept.identity((15, width), (30, 2 * width))
    assert kept.between(Calibration(COLOUR, DEPTH, POSE)) is not first
    with pytest.raises(ValueError, match="expected a depth camera"):
        kept.between(Calibration(COLOUR, None, None))


def test_a_note_follows_the_cameras_that_serve():
    rgb, raw = seen(COLOUR)[1], seen(DEPTH)[0]
    path = LivePath()
    for x in (-0.05, -0.03):
        path(rgb, raw, Calibration(COLOUR, DEPTH, motion(x=x)))
    (note,) = path.notes
    assert "30 mm beside colour" in note


def test_what_is_out_of_range_tells_of_no_grid():
    """Every other row and column is out of range: what remains are dots."""
    truth, rgb = seen(VGA)
    depth = np.full_like(truth, 50.0)
    depth[2::4, 2::4] = truth[2::4, 2::4]
    path = LivePath(RegistrationOptions(depth_max=8.0))
    result = path(rgb, depth)
    assert result.beyond_range == (depth > 8).sum()
    assert "a dot per measurement" in path.notes[0] and result.valid.all()


FARTHEST = float(np.finfo(np.float32).max)
WILD = st.sampled_from([1e-6, 0.001, 0.05, 0.3, 20.0, 1000.0, FARTHEST]) | st.floats(2.0**-20, FARTHEST, width=32)
SMALL = Camera(Intrinsics(160, 120, 131.0, 131.0, 79.5, 59.5))
BESIDE = motion(x=-0.05)


def _with_a_hole(camera):
    depth = noisy(seen(camera)[0])
    height, width = depth.shape
    depth[height // 2 : height // 2 + 3, width // 3 : width // 3 + 3] = np.nan
    return depth


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([1, 2, 3.2]), st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)), WILD)
def test_no_registered_pixel_moves_what_is_out_of_its_reach(ratio, where, wild):
    """Its reach: what the smoother carries on, ten pixels and some depth pixels, and a hole that it lies beside."""
    coarse = SMALL.resized(round(160 / ratio), round(120 / ratio))
    raw, rgb = _with_a_hole(coarse), seen(SMALL)[1]
    row, column = (int(share * size) for share, size in zip(where, raw.shape, strict=True))
    path = LivePath()
    before = path(rgb, raw).depth
    raw[row, column] = wild
    after = path(rgb, raw).depth
    y, x = np.mgrid[:120, :160]
    away = np.maximum(abs(y - (row + 0.5) * ratio + 0.5), abs(x - (column + 0.5) * ratio + 0.5))
    assert np.isfinite(after).all()
    assert np.abs(after.astype(float) - before)[away > 12 + 8 * ratio].max() < 0.001


@settings(max_examples=40, deadline=None)
@given(st.tuples(st.integers(0, 46), st.integers(0, 60)), WILD)
def test_no_pixel_of_a_camera_beside_moves_what_is_out_of_its_reach(cell, wild):
    """Around where it was seen and where it is now; what is filled may be so from far, and is not valid."""
    raw, rgb = _with_a_hole(DEPTH), seen(COLOUR, BESIDE)[1]
    cameras, path = Calibration(COLOUR, DEPTH, BESIDE), LivePath()
    before = path(rgb, raw, cameras)
    places = [np.array([*DEPTH.rays()[cell], 1]) * z + BESIDE[:3, 3] for z in (raw[cell], wild)]
    raw[cell] = wild
    after = path(rgb, raw, cameras)
    y, x = np.mgrid[: COLOUR.size[0], : COLOUR.size[1]]
    away = np.full(COLOUR.size, np.inf)
    for column, row in COLOUR.project(np.array(places)):
        if np.isfinite(column + row):
            away = np.minimum(away, np.maximum(abs(y - row), abs(x - column)))
    assert np.isfinite(after.depth).all()
    known = before.valid & after.valid & (away > 12 + 8 * 2.2)
    assert np.abs(after.depth.astype(float) - before.depth)[known].max() < 0.001
