"""Simulated crops beside recorded ones stand as the recording's camera does."""

from dataclasses import replace

import numpy as np
import pytest

from training.datasets.live.crops import LiveOptions
from training.datasets.live.recorded_view import RecordedView
from training.degradation.two_cameras.geometry import draw_geometry
from training.retraining.live.simulated import distinct_views, judged_crops, own_crops, ranges_like, training_crops


def draw(view, seed):
    rng = np.random.default_rng(seed)
    return draw_geometry(view.colour.intrinsics, (1.0, 2.0), ranges_like(view).geometry, rng)


def test_drawn_cameras_have_the_ratio_and_the_baseline_of_the_recording(hall):
    for seed in range(20):
        drawn = draw(hall.view, seed)
        ratio = hall.view.colour.intrinsics.fx / drawn.camera.fx
        assert ratio == pytest.approx(hall.view.ratio, rel=0.06)
        apart = np.linalg.norm(drawn.told[:3, 3])
        assert apart == pytest.approx(hall.view.baseline, rel=0.12) and not drawn.aligned


def test_depth_that_a_driver_has_aligned_is_drawn_so(hall):
    view = RecordedView(hall.view.colour, hall.view.colour, np.eye(4), True)
    assert any(draw(view, seed).aligned for seed in range(20))
    coarse = RecordedView(hall.view.depth, hall.view.colour, np.eye(4), True)
    assert all(np.allclose(draw(coarse, seed).told, np.eye(4)) for seed in range(20))


def test_crops_to_judge_by_are_the_same_every_time_and_count_by_themselves(hall):
    first, again = (judged_crops(hall.view, 2) for _ in range(2))
    assert len({one.camera for one in first}) == 2
    for ours, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(ours.crop.truth, theirs.crop.truth)
        np.testing.assert_array_equal(ours.crop.smooth, theirs.crop.smooth)


def test_training_crops_are_of_the_size_asked_for_with_an_exact_truth(hall):
    item = training_crops(hall.view, hall.entries, None, LiveOptions(32, 8), 3)[0]
    assert item["truth"].shape == (1, 32, 32) and bool(item["truth"].isfinite().all())


def test_each_camera_of_the_recordings_is_judged_before(hall, walked):
    other = RecordedView(hall.view.colour, hall.view.colour, np.eye(4), True)
    entries = [*hall.entries, *walked.entries, replace(hall.entries[0], view=other)]
    assert [view.words for view in distinct_views(entries)] == [hall.view.words, other.words]
    crops = own_crops(entries, 4)
    assert len({one.camera for one in crops}) == 4
    assert crops[0].crop.ratio == pytest.approx(2, rel=0.06)
