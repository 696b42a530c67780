"""Drawn cameras: their statistics, and that a seed repeats them."""

import numpy as np
import pytest

from depth_sr_ros.cameras.camera import Intrinsics
from training.degradation.two_cameras.camera_draw import deliver, draw_camera, look
from training.degradation.two_cameras.layers import Layer
from training.degradation.two_cameras.ranges import Amount, CameraRanges, GeometryRanges

COLOUR = Intrinsics(304, 304, 520.0, 520.0, 151.5, 151.5)
DEPTHS = (0.9, 2.6)


@pytest.fixture(scope="module")
def cameras():
    return [draw_camera(COLOUR, DEPTHS, CameraRanges(), np.random.default_rng([3, n])) for n in range(1500)]


def _ratio(camera):
    return COLOUR.fx / camera.geometry.camera.fx


def test_ratios_are_log_uniform_with_a_fifth_at_one(cameras):
    apart = [c for c in cameras if np.abs(c.geometry.told - np.eye(4)).max() > 0]
    ratios = np.array([_ratio(c) for c in apart])
    assert (ratios == 1).mean() == pytest.approx(0.2, abs=0.03)
    logs = np.log(ratios[ratios > 1]) / np.log(10)
    assert logs.max() <= 1 and np.abs(np.sort(logs) - np.linspace(0, 1, len(logs))).max() < 0.06


def test_a_share_of_the_cameras_is_registered(cameras):
    registered = [c for c in cameras if not np.abs(c.geometry.told - np.eye(4)).max() > 0]
    assert len(registered) / len(cameras) == pytest.approx(0.3, abs=0.03)
    for camera in registered[:50]:
        own = camera.geometry.camera
        assert (own.cx + 0.5) / own.width == pytest.approx(0.5) == pytest.approx((own.cy + 0.5) / own.height)


def test_baselines_lie_in_any_direction_within_their_limits(cameras):
    places = np.array([c.geometry.told[:3, 3] for c in cameras])
    length = np.hypot(places[:, 0], places[:, 1])
    assert length.max() <= 0.08 and (length > 0.04).mean() > 0.1
    assert (length * 520 * (1 / DEPTHS[0] - 1 / DEPTHS[1])).max() <= 48.01
    for sign in (-1, 1):
        assert ((sign * places[:, :2]) > 0.03).any(axis=0).all()


def test_calibrations_are_mostly_within_a_pixel_and_never_beyond_the_limits(cameras):
    still = [c.geometry for c in cameras if c.geometry.roll == (0.0, 0.0)]
    errors = [g.to_colour @ np.linalg.inv(g.told) for g in still]
    assert max(np.abs(e[:3, 3]).max() for e in errors) < 1e-9
    shifts = np.array([(e[0, 2] * COLOUR.fx, e[1, 2] * COLOUR.fy) for e in errors])
    ratios = np.array([COLOUR.fx / g.camera.fx for g in still])
    assert (np.abs(shifts).max(axis=1) <= np.minimum(2 * ratios, 6) * 1.01 + 0.02).all()
    assert (np.hypot(*shifts.T) <= 1).mean() > 0.8
    turns = np.degrees([np.arcsin(e[1, 0]) for e in errors])
    assert np.abs(turns).max() <= 0.51 and np.std(turns) == pytest.approx(0.1, abs=0.02)


def test_the_depth_image_holds_what_the_colour_camera_sees(cameras):
    corners = np.array([(x, y) for x in (0, 303) for y in (0, 303)], float)
    rays = np.concatenate([(corners - 151.5) / 520, np.ones((4, 1))], axis=1)
    for camera in cameras[:200]:
        own, to_depth = camera.geometry.camera, np.linalg.inv(camera.geometry.told)
        for z in DEPTHS:
            seen = z * rays @ to_depth[:3, :3].T + to_depth[:3, 3]
            x, y = seen[:, 0] / seen[:, 2] * own.fx + own.cx, seen[:, 1] / seen[:, 2] * own.fy + own.cy
            assert x.min() > -0.51 and y.min() > -0.51 and x.max() < own.width - 0.49 and y.max() < own.height - 0.49


def _image(seed):
    y, x = np.mgrid[:304, :304]
    depth = np.where((x // 60 + y // 60) % 2, 0.9, 2.6 - 0.001 * x)
    layers = [Layer((1 / depth).astype(np.float32))]
    rng = np.random.default_rng(seed)
    brightness = np.random.default_rng(0).random((304, 304), dtype=np.float32)
    camera = draw_camera(COLOUR, DEPTHS, CameraRanges(), rng)
    return camera, deliver(look(layers, COLOUR, brightness, camera, False), camera, rng)


def test_a_seed_repeats_camera_and_image():
    for seed in range(8):
        (camera, image), (again, same) = _image(seed), _image(seed)
        assert repr(camera) == repr(again)
        np.testing.assert_array_equal(image, same)
        assert image.shape == (camera.geometry.camera.height, camera.geometry.camera.width)
    assert len({_image(seed)[1].tobytes() for seed in range(8)}) == 8


def test_images_keep_to_the_range_of_their_camera():
    for seed in range(40):
        camera, image = _image(seed)
        known = image[np.isfinite(image)]
        assert known.size and known.min() >= camera.faults.depth_min and known.max() <= camera.faults.depth_max


def test_a_shift_of_the_calibration_moves_the_depth_by_that():
    """The image of a camera that is told to stand elsewhere than it does, against one that is told the truth."""
    plain = GeometryRanges(
        one_to_one=1.0, registered=1.0, shift=0.0, far_off=0.0, rotation=0.0, motion=0.0, aligned=0.0
    )
    y, x = np.mgrid[:304, :304]
    depth = np.where(x < 150, 1.0, 2.0).astype(np.float32)
    layers = [Layer(1 / depth)]
    found = []
    for shift in (0.0, 4.0):
        ranges = CameraRanges(plain)
        camera = draw_camera(COLOUR, (1.0, 2.0), ranges, np.random.default_rng(1))
        error = np.eye(4)
        angle = shift / COLOUR.fx
        error[0, 0], error[0, 2], error[2, 0], error[2, 2] = np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
        moved = type(camera)(type(camera.geometry)(camera.geometry.camera, error, np.eye(4)), camera.faults)
        seen = look(layers, COLOUR, np.full((304, 304), 0.5, np.float32), moved, False)
        found.append(np.argmax(seen.near[150, 100:] > 1.5) + 100)
    assert found[0] - found[1] == 4


def test_amounts_are_drawn_in_their_share_and_within_their_ends():
    drawn = np.array([Amount(0.1, 10.0, 0.3, log=True).drawn(np.random.default_rng(n)) for n in range(2000)])
    assert (drawn > 0).mean() == pytest.approx(0.3, abs=0.04)
    some = drawn[drawn > 0]
    assert some.min() >= 0.1 and some.max() <= 10 and np.median(some) == pytest.approx(1, rel=0.3)


@pytest.mark.parametrize("wrong", [(2.0, 1.0), (-1.0, 1.0)])
def test_an_amount_without_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="expected 0 <= low <= high"):
        Amount(*wrong)
    with pytest.raises(ValueError, match="share above 0"):
        CameraRanges(kinds=())
