import numpy as np
import pytest

from demo.panning import HEIGHT, WIDTH, PanningCamera
from demo.scene import BASELINE_M, FOCAL_PX, DemoError, load_scene, metric_depth
from demo.sensor import noise_sigma, simulate_sensor


def test_depth_is_metric_and_plausible(scene):
    assert scene.rgb.shape == (500, 741, 3) and scene.depth.shape == (500, 741)
    valid = scene.depth[np.isfinite(scene.depth)]
    assert 0.9 < valid.size / scene.depth.size < 0.95
    # a motorcycle in a garage: two to five metres away
    assert 2.0 < valid.min() < 2.3 and 4.8 < valid.max() < 5.2


def test_depth_follows_the_calibration():
    depth = metric_depth(np.array([[30.0, 0.0, np.inf, np.nan]]))
    assert depth[0, 0] == pytest.approx(BASELINE_M * FOCAL_PX / 61.086)
    assert np.isnan(depth[0, 1:]).all()


def test_a_foreign_file_in_the_cache_is_refused(tmp_path):
    (tmp_path / "motorcycle_left.png").write_bytes(b"no image")
    np.savez(tmp_path / "motorcycle_disp.npz", np.zeros((3, 3)))
    with pytest.raises(DemoError, match="remove that folder"):
        load_scene(tmp_path)


def test_the_window_stays_inside_and_moves_smoothly(scene):
    camera = PanningCamera(scene, 10.0, "truth")
    offsets = np.array([camera.offset(index) for index in range(camera.depth_count + 1)])
    assert (offsets >= 0).all() and (offsets <= [741 - WIDTH, 500 - HEIGHT]).all()
    assert offsets[:, 0].max() == 741 - WIDTH
    assert np.abs(np.diff(offsets, axis=0)).max() <= 4
    assert (offsets[0] == offsets[-1]).all()


def test_colour_truth_and_principal_point_move_together(scene):
    frames = list(PanningCamera(scene, 10.0, "truth").frames())
    colour, depth = frames[60:62]
    left, top = PanningCamera(scene, 10.0, "truth").offset(30)
    np.testing.assert_array_equal(colour.load()[0], scene.rgb[top : top + HEIGHT, left : left + WIDTH])
    np.testing.assert_array_equal(depth.load()[0], scene.depth[top : top + HEIGHT, left : left + WIDTH])
    assert colour.intrinsics == depth.intrinsics
    assert colour.intrinsics.cx == scene.intrinsics.cx - left


def test_sensor_is_coarse_noisy_and_has_holes_yet_repeatable(scene):
    truth = scene.depth[:HEIGHT, :WIDTH]
    measured = simulate_sensor(truth, 8, seed=3)
    assert measured.shape == (60, 80) and measured.dtype == np.uint16
    np.testing.assert_array_equal(measured, simulate_sensor(truth, 8, seed=3))
    assert (measured != simulate_sensor(truth, 8, seed=4)).any()
    assert 0.02 < (measured == 0).mean() < 0.2


def test_sensor_noise_has_the_stated_size():
    truth = np.full((480, 640), 3.0, np.float32)
    measured = simulate_sensor(truth, 8, seed=0)
    assert np.std(measured[measured > 0]) / 1000 == pytest.approx(float(noise_sigma(np.float32(3.0))), rel=0.1)
