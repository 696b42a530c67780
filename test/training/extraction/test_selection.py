from types import SimpleNamespace

import numpy as np
import pytest

from training.extraction.bag_pairs import Candidate
from training.extraction.selection import (
    EvenSample,
    SelectionOptions,
    change_between,
    judge,
    measured_grey,
    sharpness_of,
    thumbnail_of,
)


def verdicts(images, **options):
    candidates = (Candidate(rgb, SimpleNamespace(), SimpleNamespace()) for rgb in images)
    return [judged.verdict for judged in judge(candidates, SelectionOptions(**options))]


def test_a_camera_that_stands_still_gives_one_frame(scene):
    rng = np.random.default_rng(0)
    rgb = scene.frame(0)[0].astype(float)
    noisy = [np.clip(rgb + rng.normal(0, 3, rgb.shape), 0, 255).astype(np.uint8) for _ in range(6)]
    assert verdicts(noisy) == ["kept"] + ["duplicate"] * 5


def test_nothing_is_a_duplicate_of_a_frame_whose_depth_cannot_be_used(scene):
    candidates = [Candidate(scene.frame(0)[0], SimpleNamespace(), SimpleNamespace()) for _ in range(4)]
    usable = {id(candidate) for candidate in candidates[2:]}
    judging = judge(iter(candidates), SelectionOptions(), lambda judged: id(judged.candidate) in usable)
    assert [judged.verdict for judged in judging] == ["kept", "kept", "kept", "duplicate"]


def test_frames_are_kept_as_often_as_the_view_has_moved(scene):
    # a fortieth of the width is 1.6 px
    found = verdicts(scene.frame(number * 0.5)[0] for number in range(24))
    assert 5 <= found.count("kept") <= 14 and found.count("blurred") == 0
    assert verdicts((scene.frame(number * 0.5)[0] for number in range(24)), least_change=0) == ["kept"] * 24


@pytest.mark.parametrize("at", [0, 4, 9])
def test_a_blurred_frame_among_sharp_ones_is_left_out(scene, at):
    images = [scene.frame(number * 2)[0] for number in range(10)]
    images[at] = scene.blurred(images[at])
    found = verdicts(images)
    assert found[at] == "blurred" and found.count("kept") == 9
    assert verdicts(images, least_sharpness=0) == ["kept"] * 10


def test_what_shows_something_else_says_nothing_about_blur(scene):
    # two smooth frames among textured ones, of another place
    smooth = [np.full((48, 64, 3), 90, np.uint8) + np.arange(64, dtype=np.uint8)[None, :, None] * k for k in (1, 2)]
    images = [scene.frame(0)[0], smooth[0], scene.frame(40)[0], smooth[1], scene.frame(80)[0]]
    assert verdicts(images) == ["kept"] * 5


def test_all_of_a_recording_that_is_blurred_throughout_is_not_lost(scene):
    assert verdicts([scene.blurred(scene.frame(number * 3)[0]) for number in range(8)]) == ["kept"] * 8


@pytest.mark.parametrize("neighbours", [0, 1, 3, 40])
def test_every_frame_is_judged_once_in_order(scene, neighbours):
    images = [scene.frame(number * 3)[0] for number in range(7)]
    candidates = [Candidate(rgb, SimpleNamespace(), SimpleNamespace()) for rgb in images]
    judged = list(judge(iter(candidates), SelectionOptions(neighbours=neighbours)))
    assert [j.candidate for j in judged] == candidates and np.isinf(judged[0].change)


def test_a_black_image_is_no_trouble():
    assert verdicts([np.zeros((48, 64, 3), np.uint8)] * 2) == ["kept", "duplicate"]


def test_change_is_measured_in_pixels_of_the_thumbnail(shared_data):
    import cv2

    path = shared_data / "recordings" / "kinect_redkitchen" / "rgb" / "000000.jpg"
    grey = measured_grey(np.ascontiguousarray(cv2.imread(str(path))[..., ::-1]))
    first, second = thumbnail_of(grey[:, :-16].copy()), thumbnail_of(grey[:, 16:].copy())
    assert change_between(first, second) == pytest.approx(1, abs=0.15)


def test_real_frames_that_look_blurred_are_found(shared_data):
    """Judged by eye: 69, 86 and 99 are smeared, 72 and 87 are crisp."""
    import cv2

    folder = shared_data / "recordings" / "kinect_redkitchen" / "rgb"
    images = [np.ascontiguousarray(cv2.imread(str(folder / f"{n:06d}.jpg"))[..., ::-1]) for n in range(60, 105)]
    found = dict(zip(range(60, 105), verdicts(images), strict=True))
    assert {found[n] for n in (69, 86, 99)} == {"blurred"}
    assert "blurred" not in {found[n] for n in (72, 87)}


def test_sharpness_falls_with_blur(scene):
    grey = measured_grey(scene.frame(0)[0])
    assert sharpness_of(measured_grey(scene.blurred(scene.frame(0)[0]))) < 0.75 * sharpness_of(grey)


def test_options_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="expected least_sharpness from 0 to 1.*found 2"):
        SelectionOptions(least_sharpness=2)


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 100, 1001])
def test_an_even_sample_spans_the_stream(count):
    sample = EvenSample[int](6)
    for number in range(count):
        sample.offer(number)
    steps = set(np.diff(sample.items))
    assert len(sample.items) <= 6 and len(steps) <= 1
    if count:
        assert sample.items[0] == 0 and sample.items[-1] >= (count - 1) / 2
