"""Cameras before scenes."""

import numpy as np
import pytest

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from training.degradation.two_cameras.known_cameras import SENSORS, SWEEP
from training.degradation.two_cameras.mixing import Mixing

SCENE = Camera(Intrinsics(640, 480, 554.0, 560.0, 321.0, 236.0))


@pytest.mark.parametrize("name", SENSORS)
def test_a_camera_keeps_its_ratio_and_its_angles(name):
    model = SENSORS[name]
    camera = model.before(SCENE).camera
    i = camera.intrinsics
    assert SCENE.intrinsics.fx / i.fx == pytest.approx(model.ratio) == pytest.approx(SCENE.intrinsics.fy / i.fy)
    assert i.width / i.fx <= model.depth.width / model.depth.focal + 1 / i.fx
    assert camera.lens == model.lens


@pytest.mark.parametrize("name", SENSORS)
def test_its_image_holds_what_meets_the_scene(name):
    """Points of the scene's middle half are in the depth image at any distance, unless its angles are too small."""
    model = SENSORS[name]
    sensor = model.before(SCENE)
    to_depth = np.linalg.inv(sensor.depth_to_colour)
    pixels = np.array([(x, y) for x in (170, 320, 470) for y in (130, 240, 350)], float)
    rays = np.concatenate([SCENE.directions(pixels), np.ones((9, 1))], axis=-1)
    for z in (0.8, 1.5, 5.0):
        seen = sensor.camera.project(z * rays @ to_depth[:3, :3].T + to_depth[:3, 3])
        assert (seen > -0.5).all() and (seen < np.array(sensor.camera.size[::-1]) - 0.5).all(), (z, seen)


def test_a_tilted_camera_looks_further_down():
    ahead = SENSORS["azure_kinect"].depth_to_colour[:3, :3] @ [0, 0, 1]
    assert ahead[1] == pytest.approx(np.sin(np.radians(6))) and ahead[0] == 0
    assert not SENSORS["iphone_lidar"].depth_to_colour[:3, 3].any()


def test_the_sweep_has_the_scenes_view_from_five_centimetres_beside():
    sensor = SWEEP["r4"].before(SCENE)
    assert sensor.camera.size == (120, 160) and sensor.depth_to_colour[0, 3] == 0.05
    assert sensor.camera.resized(640, 480).intrinsics == SCENE.intrinsics
    assert {model.faults.mixing for model in SWEEP.values()} == {Mixing.MEAN}


def test_stereo_samples_one_point_and_time_of_flight_mixes():
    assert SENSORS["kinect_v1"].faults.mixing is SENSORS["realsense_d435"].faults.mixing is Mixing.ONE
    assert SENSORS["kinect_v2"].faults.mixing is Mixing.MEAN


def test_a_view_that_never_meets_the_scenes_is_refused():
    narrow = Camera(Intrinsics(640, 480, 554.0, 560.0, -5000.0, 236.0))
    with pytest.raises(ValueError, match="expected its view to meet the scene's"):
        SENSORS["kinect_v2"].before(narrow)
