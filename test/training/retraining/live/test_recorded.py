"""Crops of recordings: what was hidden has a truth, and what is measured is not copied."""

import numpy as np
import pytest

from depth_sr_ros.cameras.registration import MEASURED
from training.datasets.live.mixed import MixedCrops, by_number
from training.datasets.live.recorded import RecordedCrops, RecordedFrame, read_frame
from training.degradation.two_cameras.noise import AxialNoise


def exact(live_scene, entry):
    return live_scene.surfaces(live_scene.COLOUR, 0.05 * int(entry.path.stem) - 0.3)[0]


def test_what_is_hidden_has_the_frames_own_measurement_as_truth(hall, live_scene):
    crops = RecordedCrops(hall.entries[:1], 64, AxialNoise(live_scene.NOISE), 8)
    seen = 0
    for number in range(12):
        crop = crops.crop(number, np.random.default_rng([1, number]))
        known = np.isfinite(crop.truth)
        seen += int((known & (crop.registered.quality < MEASURED)).sum())
        assert (
            np.isclose(crop.truth[known], live_scene.WALL, atol=0.03).sum()
            + np.isclose(crop.truth[known], live_scene.BOX, atol=0.03).sum()
            == known.sum()
        ), "no value between two surfaces"
    assert seen > 500


def test_the_frames_own_truth_is_not_the_input_where_it_stays_measured(hall, live_scene):
    """Else a network would learn to copy noise and to expect no error."""
    crops = RecordedCrops(hall.entries[:1], 64, AxialNoise(live_scene.NOISE), 8)
    one = crops.judged(hall.entries[0], np.random.default_rng(5)).crop
    both = np.isfinite(one.truth) & (one.registered.quality == MEASURED)
    error = np.abs(one.registered.start - one.truth)[both]
    assert 0.4 * live_scene.NOISE < error.mean() < 2 * live_scene.NOISE


def test_fused_truth_judges_the_frame_as_it_arrived(walked, live_scene):
    entry = walked.entries[6]
    crops = RecordedCrops([entry], 96, AxialNoise(), 8)
    one = crops.judged(entry, np.random.default_rng(0)).crop
    plain = entry.view.registration()(read_frame(entry.path).depth)
    assert one.registered.coverage == pytest.approx(plain.coverage)


def test_a_coarse_camera_is_also_shown_at_its_own_ratio_with_a_truth_of_every_pixel(hall):
    crops = RecordedCrops(hall.entries, 48, AxialNoise(), 8)
    ratios, known = [], []
    for number in range(20):
        crop = crops.crop(number, np.random.default_rng([3, number]))
        ratios.append(crop.ratio)
        known.append(np.isfinite(crop.truth).mean())
    assert ratios == pytest.approx([2.0] * 20)
    assert min(known) > 0.3


def test_coarser_images_show_the_same_scene(hall, live_scene):
    small = hall.view.coarser(2)
    raw = np.ascontiguousarray(read_frame(hall.entries[0].path).depth[1::2, 1::2])
    registered = small.registration()(raw)
    want = exact(live_scene, hall.entries[0])[::2, ::2]
    measured = registered.quality == MEASURED
    assert small.ratio == pytest.approx(2) and measured.mean() > 0.5
    assert np.abs(registered.start - want)[measured].mean() < 3 * live_scene.NOISE + 0.03


def test_a_crop_depends_on_seed_and_number_alone(hall):
    first, again = (
        MixedCrops([by_number(RecordedCrops(hall.entries, 32, AxialNoise(0.01), 8), 4)], [1.0], 4) for _ in "ab"
    )
    for name, value in first[7].items():
        np.testing.assert_array_equal(value.numpy(), again[7][name].numpy())
    assert not np.array_equal(first[7]["guide"].numpy(), first[8]["guide"].numpy())


def test_sources_are_mixed_by_their_shares():
    mixed = MixedCrops([lambda number: {"kind": 0}, lambda number: {"kind": 1}], [3.0, 1.0], 1)
    assert np.mean([mixed[number]["kind"] for number in range(2000)]) == pytest.approx(0.25, abs=0.03)
    with pytest.raises(ValueError, match="expected a share above 0 per source"):
        MixedCrops([lambda number: {}], [0.0], 1)


def test_a_frame_comes_back_as_it_was_written(tmp_path):
    rng = np.random.default_rng(0)
    depth = np.where(rng.random((6, 8)) < 0.2, np.nan, rng.random((6, 8))).astype(np.float32)
    frame = RecordedFrame(rng.integers(0, 256, (12, 16, 3), np.uint8), depth)
    frame.write(tmp_path / "a.npz")
    found = read_frame(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.depth, depth)
    np.testing.assert_array_equal(found.rgb, frame.rgb)
    assert found.truth is None and [path.name for path in tmp_path.iterdir()] == ["a.npz"]
