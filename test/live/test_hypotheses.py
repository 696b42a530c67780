"""What a live network gets beside the start image."""

import numpy as np

from depth_sr_ros.cameras.registration import FILLED, FOOTPRINT, MEASURED, Registered
from depth_sr_ros.live.hypotheses import for_network


def _registered(quality):
    size = quality.shape
    images = (np.full(size, metres, np.float32) for metres in (2.0, 1.5, 3.0))
    start, near, far = images
    return Registered(start, quality, near, far, 1.0, 0)


def test_a_hole_between_measurements_keeps_its_two_surfaces_and_what_is_beyond_the_view_has_one():
    quality = np.full((3, 7), FILLED, np.uint8)
    quality[0, [1, 5]] = MEASURED, FOOTPRINT
    quality[1, 3] = MEASURED
    smooth = np.full((3, 7), 2.25, np.float32)
    given = for_network(_registered(quality), smooth)
    beyond = np.ones((3, 7), bool)
    beyond[0, 1:6] = beyond[1, 3] = False
    assert (given.start == smooth).all() and (given.quality == quality).all()
    assert (given.near == np.where(beyond, np.float32(2.25), np.float32(1.5))).all()
    assert (given.far == np.where(beyond, np.float32(2.25), np.float32(3.0))).all()


def test_a_frame_that_is_measured_to_its_borders_keeps_its_hypotheses():
    registered = _registered(np.full((4, 5), MEASURED, np.uint8))
    given = for_network(registered, registered.start)
    assert given.near is registered.near and given.far is registered.far
