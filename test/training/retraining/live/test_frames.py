"""What is kept of a recording for live weights: depth as it arrived, its cameras, fused depth where there are poses."""

from dataclasses import replace

import numpy as np
import pytest

from depth_sr_ros.recordings.image_files import read_depth
from depth_sr_ros.recordings.recording import RecordingError
from training.datasets.live.recorded import read_frame
from training.extraction.bag_pairs import BagOptions
from training.extraction.bag_task import ExtractionOptions
from training.extraction.make_bag import BagRequest, make_bag
from training.retraining.live.frames import FrameOptions, frames_of, recordings_by_name
from training.retraining.live.sources import LiveSource, find_recordings, hash_recording


def test_depth_is_kept_as_the_camera_delivered_it(hall, places):
    assert len(hall.files) == 6 and not hall.fused
    frame = read_frame(hall.entries[2].path)
    raw = read_depth(places / "hall" / "depth" / "0002.png")
    assert frame.depth.shape == (48, 64) and frame.truth is None
    np.testing.assert_allclose(np.nan_to_num(frame.depth), raw / 1000, atol=1e-6)


def test_cameras_are_those_of_the_calibration_also_when_read_again(hall, places, tmp_path, live_scene):
    for view in (hall.view, LiveSource(places / "hall", BagOptions()).view):
        assert view.ratio == pytest.approx(2) and view.baseline == pytest.approx(live_scene.BESIDE)
        assert not view.registered and view.colour.size == (96, 128)


def test_a_bag_of_the_same_images_gives_the_same_frames(hall, places, tmp_path):
    make_bag(places / "hall", tmp_path / "bag", BagRequest(None, "mcap", False, 0, 0))
    options = FrameOptions(replace(ExtractionOptions(), selection=_everything()))
    found = frames_of(tmp_path / "bag", "c" * 64, tmp_path / "out", options, lambda text: None)
    assert found.view.ratio == pytest.approx(2) and len(found.files) == 6
    for ours, theirs in zip(found.entries, hall.entries, strict=True):
        np.testing.assert_array_equal(read_frame(ours.path).depth, read_frame(theirs.path).depth)


def _everything():
    return replace(ExtractionOptions().selection, least_sharpness=0.0, least_change=0.0)


def test_fused_depth_is_the_truth_of_frames_with_poses(walked, live_scene):
    assert walked.fused
    entry = walked.entries[6]
    truth = read_frame(entry.path).truth
    exact = live_scene.surfaces(live_scene.COLOUR, 0.05 * 6 - 0.3)[0]
    known = np.isfinite(truth)
    assert truth.shape == (96, 128) and known.mean() > 0.4
    assert np.abs(truth - exact)[known].mean() < live_scene.NOISE / 2, "below the noise of one frame"


def test_poses_can_be_left_aside(walk):
    assert LiveSource(walk, BagOptions()).posed is not None
    assert LiveSource(walk, BagOptions(), "none").posed is None
    with pytest.raises(RecordingError, match="expected poses"):
        LiveSource(walk, BagOptions(), "nowhere")


def test_frames_are_read_once(places, tmp_path, monkeypatch):
    options, told = FrameOptions(), []
    first = frames_of(places / "hall", "d" * 64, tmp_path, options, told.append)
    monkeypatch.setattr(LiveSource, "pairs", lambda self: pytest.fail("read twice"))
    again = frames_of(places / "hall", "d" * 64, tmp_path, options, told.append)
    assert again.files == first.files and again.view.words == first.view.words and len(told) == 1


def test_recordings_are_found_below_a_folder_and_told_apart_by_what_they_hold(places, tmp_path):
    found = find_recordings([places], BagOptions())
    assert [path.name for path in found] == ["hall", "study"]
    assert len({hash_recording(path) for path in found}) == 2
    with pytest.raises(RecordingError, match="or folders of images with rgb/"):
        find_recordings([tmp_path], BagOptions())


def test_recordings_of_one_name_get_the_beginning_of_their_hash(hall):
    other = replace(hall, digest="f" * 64)
    assert [one.name for one in recordings_by_name([hall, other])] == ["hall (aaaaaaaa)", "hall (ffffffff)"]
