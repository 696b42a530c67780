"""Every camera preset's sizes, lenses, place and unit through the Python API, against the exact scene."""

import numpy as np
import pytest
from preset_scenes import published, worst_error

from depth_sr_ros.cameras.presets import find_preset, preset_names
from depth_sr_ros.upsampler import Upsampler

WITHIN = 0.008  # metres; 95 of 100 pixels


@pytest.mark.parametrize("name", preset_names())
def test_surfaces_lie_where_they_are(name):
    preset = find_preset(name)
    scene, (near, far) = published(preset), preset.depth_range
    upsampler = Upsampler(scale=0, depth_min=near, depth_max=far, threads=1)
    result = upsampler(scene.rgb, scene.metres, scene.calibration)
    upsampler.close()
    assert result.depth.shape == scene.truth.shape and scene.judged.mean() > 0.5
    assert worst_error(result.depth, scene) < WITHIN


def test_wrong_place_lens_or_unit_would_be_seen():
    preset = find_preset("azure_kinect")
    scene = published(preset)
    upsampler = Upsampler(scale=0, threads=1)
    calibration = scene.calibration
    moved = calibration.depth_to_colour.copy()
    moved[:3, :3] = np.eye(3)
    pinhole = type(calibration.depth)(calibration.depth.intrinsics)
    for wrong in (
        type(calibration)(calibration.colour, calibration.depth, moved),
        type(calibration)(calibration.colour, pinhole, calibration.depth_to_colour),
    ):
        assert worst_error(upsampler(scene.rgb, scene.metres, wrong).depth, scene) > WITHIN
    assert worst_error(upsampler(scene.rgb, scene.metres * 0.99, calibration).depth, scene) > WITHIN
    upsampler.close()
