"""Made-up scenes with exact depth."""

import time

import cv2
import numpy as np
import pytest

from training.datasets.procedural import ProceduralScenes
from training.datasets.scenes.outlines import FAMILIES, OutlineBank, cover


@pytest.fixture(scope="module")
def scenes():
    return ProceduralScenes(96, 128, seed=1)


def test_same_number_gives_same_scene_in_another_object(scenes):
    again = ProceduralScenes(96, 128, seed=1)
    scenes.scene(3)
    first, second = scenes.scene(7), again.scene(7)
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.target, second.target)
    assert first.entry == second.entry


def test_seed_and_number_change_the_scene(scenes):
    other = ProceduralScenes(96, 128, seed=2)
    assert not np.array_equal(scenes.scene(0).target, other.scene(0).target)
    assert not np.array_equal(scenes.scene(0).target, scenes.scene(1).target)


def test_draw_follows_the_generator(scenes):
    first, second = (scenes.draw(np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first.rgb, second.rgb)


def test_scene_is_a_valid_pair(scenes):
    for number in range(20):
        pair = scenes.scene(number)
        assert pair.rgb.shape == (96, 128, 3) and pair.rgb.dtype == np.uint8
        assert pair.target.shape == pair.valid.shape == (96, 128) and pair.target.dtype == np.float32
        assert np.isfinite(pair.target).all() and pair.target.min() > 0 and pair.valid.all()
        assert np.ptp(pair.target) > 100 * pair.entry.quantum


def test_depth_is_the_reciprocal_view_of_the_same_scene():
    near, far = (ProceduralScenes(64, 64, seed=4, kind=kind).scene(0) for kind in ("disparity", "depth"))
    assert (near.entry.kind, near.entry.unit) == ("disparity", "disparity")
    assert (far.entry.kind, far.entry.unit) == ("depth", "m")
    order = np.argsort(near.target.ravel())
    assert (np.diff(far.target.ravel()[order]) <= 1e-4).all()


def test_mixed_scenes_have_both_kinds(scenes):
    assert {scenes.scene(n).entry.kind for n in range(20)} == {"disparity", "depth"}


def test_sharp_depth_edges_occur_in_every_scene(scenes):
    for number in range(20):
        target = scenes.scene(number).target
        jump = np.abs(np.diff(target, axis=1)).max() / np.ptp(target)
        assert jump > 0.05


def test_most_colour_edges_are_no_depth_edges(scenes):
    """Texture must not give depth away, or a network would learn to copy it."""
    only_colour = 0.0
    for number in range(20):
        pair = scenes.scene(number)
        grey = cv2.cvtColor(pair.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        edges = np.abs(np.diff(grey, axis=1)) > 8
        jumps = np.abs(np.diff(pair.target, axis=1)) > 0.03 * np.ptp(pair.target)
        near_jump = cv2.dilate(jumps.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        only_colour += (edges & ~near_jump).sum() / max(edges.sum(), 1) / 20
    assert only_colour > 0.3


def test_coverage_is_the_exact_share_of_each_pixel():
    square = np.array([[9.75, 9.5], [20.25, 9.5], [20.25, 20.5], [9.75, 20.5]])
    share = np.zeros((32, 32), np.float32)
    coverage = cover([[square]], 32, 32)
    share[coverage.window] = coverage.share
    assert share[15, 15] == 1 and share[15, 8] == 0
    # pixel 10 spans 9.5 to 10.5: three quarters of it lie inside
    assert share[15, 10] == pytest.approx(0.75, abs=0.26)
    assert share.sum() == pytest.approx(10.5 * 11, rel=0.06)


def test_coverage_outside_the_image_is_none():
    assert cover([[np.array([[40.0, 40], [50, 40], [50, 50]])]], 32, 32) is None


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_draws_something_of_about_the_size_asked_for(family):
    rng = np.random.default_rng(0)
    bank = OutlineBank(0, copies=4)
    for _ in range(8):
        coverage = cover(bank.take(rng, family, np.array([60.0, 60.0]), 40.0), 120, 120)
        assert coverage is not None and coverage.share.max() == 1
        assert 10 < coverage.radius < 90


def test_a_scene_is_cheap():
    """256x256 takes about 15 ms of an idle core; ten times that would starve the training."""
    scenes = ProceduralScenes(seed=0)
    scenes.scene(0)
    cv2.setNumThreads(1)
    start = time.process_time()
    for number in range(10):
        scenes.scene(number)
    assert (time.process_time() - start) / 10 < 0.15


def test_unknown_kind_and_tiny_size_are_refused():
    with pytest.raises(ValueError, match="expected kind disparity, depth or mixed, found 'inverse'"):
        ProceduralScenes(kind="inverse")
    with pytest.raises(ValueError, match="at least 16 pixels, found 8x64"):
        ProceduralScenes(8, 64)
