import numpy as np
import pytest

from demo.panning import CAMERAS, COLOUR_CAMERA, HEIGHT, WIDTH, PanningCamera, offset, scene_camera
from depth_sr_ros.cameras.registration import MEASURED, Registration
from depth_sr_ros.cameras.relation import relate

RATE = 10.0


def frames_of(show, index):
    return [frame for frame in show.published.frames() if frame.name == str(index)]


def truth_of(show, index):
    return next(f for f in show.reference.frames() if f.stream == "depth" and f.name == str(index)).metres()


def test_the_window_stays_inside_and_moves_smoothly():
    offsets = np.array([offset(index, 100) for index in range(101)])
    assert (offsets >= 0).all() and (offsets <= [741 - WIDTH, 500 - HEIGHT]).all()
    assert offsets[:, 0].max() == 741 - WIDTH
    assert np.abs(np.diff(offsets, axis=0)).max() <= 4
    assert (offsets[0] == offsets[-1]).all()


def test_colour_and_truth_are_the_same_window(scene):
    frames = list(PanningCamera(scene, RATE).frames())
    colour, depth = frames[60:62]
    left, top = offset(30, 100)
    np.testing.assert_array_equal(colour.load()[0], scene.rgb[top : top + HEIGHT, left : left + WIDTH])
    np.testing.assert_array_equal(depth.load()[0], scene.depth[top : top + HEIGHT, left : left + WIDTH])
    assert colour.camera == depth.camera == COLOUR_CAMERA


def test_cameras_stay_as_they_are_while_they_pan(show):
    frames = list(show.published.frames())
    assert {frame.camera for frame in frames if frame.stream == "colour"} == {CAMERAS.colour}
    assert {frame.camera for frame in frames if frame.stream == "depth"} == {CAMERAS.depth}
    assert len({frame.frame_id for frame in frames}) == 2


def test_a_window_shows_what_the_camera_of_the_whole_scene_shows():
    left, top = 30, 7
    whole = scene_camera(left, top).directions(np.array([[left + 5.0, top + 9.0]]))
    np.testing.assert_allclose(COLOUR_CAMERA.directions(np.array([[5.0, 9.0]])), whole)


def test_depth_is_raw_and_known_to_be():
    relation = relate(PanningCamera(None, RATE, lambda: None).evidence())  # type: ignore[arg-type]
    assert relation.kind == "unregistered" and relation.calibration is not None
    np.testing.assert_array_equal(relation.calibration.depth_to_colour, CAMERAS.depth_to_colour)


@pytest.mark.parametrize("index", [0, 25, 50])
def test_raw_depth_registers_to_the_truth_wherever_the_camera_looks(show, index):
    raw = frames_of(show, index)[1].load()[0]
    assert raw.dtype == np.uint16 and raw.shape == CAMERAS.depth.size
    assert 0.05 < (raw == 0).mean() < 0.4
    registered = Registration(CAMERAS.depth, CAMERAS.colour, CAMERAS.depth_to_colour)(
        frames_of(show, index)[1].metres()
    )
    truth = truth_of(show, index)
    known = (registered.quality == MEASURED) & np.isfinite(truth)
    assert known.mean() > 0.6
    error = (registered.start - truth)[known]
    assert abs(np.median(error)) < 0.002 and np.median(np.abs(error)) < 0.012


def test_frames_of_one_place_differ_by_their_noise(show):
    there, back = (frames_of(show, index)[1].load()[0] for index in (20, 80))
    both = (there > 0) & (back > 0)
    assert (there != back).any() and np.median(np.abs(there[both].astype(int) - back[both])) < 30
