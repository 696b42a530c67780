import numpy as np
import pytest

from demo.scene import BASELINE_M, FOCAL_PX, DemoError, load_scene, metric_depth


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
