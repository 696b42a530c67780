import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, motion
from two_views import seen

from depth_sr_ros.artifact import ArtifactError
from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.registration import RegistrationOptions
from depth_sr_ros.engines import CurrentEngine, EngineWishes
from depth_sr_ros.papers.path import NetworkPath

QUICK = EngineWishes("onnxruntime", "fp32", 1)
POSE = motion(x=-0.05)
CAMERA = COLOUR.resized(160, 96)


@pytest.fixture(scope="module")
def frame():
    return seen(CAMERA)[1], seen(CAMERA.resized(20, 12))[0]


def path(scale=8, weights=None, options=None):
    return NetworkPath("fdkn", scale, weights, CurrentEngine(QUICK), options)


def test_a_frame_of_the_scale_is_served_by_its_weights(frame):
    network = path()
    assert network.choice.artifact.card.scale == 8
    found = network(*frame)
    assert np.abs(found.depth - seen(CAMERA)[0])[found.valid].mean() < 0.1 and found.valid.all()
    assert min(found.milliseconds) > 0 and len(network.notes) == 1


def test_shipped_weights_stand_in_for_another_ratio_and_ones_own_do_not(frame, artifact):
    rgb, depth = seen(CAMERA)[1], seen(CAMERA.resized(40, 24))[0]
    shipped, own = path(), path(weights=artifact.folder)
    shipped(rgb, depth)
    own(rgb, depth)
    assert shipped.choice.artifact.card.scale == 4 and own.choice.artifact.card.scale == 8


def test_unregistered_depth_is_registered_and_its_holes_stay_open():
    network = path()
    found = network(seen(COLOUR, POSE)[1], seen(DEPTH)[0], Calibration(COLOUR, DEPTH, POSE))
    truth = seen(COLOUR, POSE)[0]
    assert 0.5 < found.valid.mean() < 1
    assert np.abs(found.depth - truth)[found.valid].mean() < 0.1


def test_what_is_out_of_range_is_counted_and_left_out(frame):
    rgb, depth = frame
    network = path(options=RegistrationOptions(depth_max=1.6))
    found = network(rgb, depth)
    assert found.beyond_range == (depth > 1.6).sum() > 0 and found.depth[found.valid].max() <= 1.6001


def test_the_first_frame_finds_what_was_prepared(frame):
    rgb, depth = frame
    network = path()
    network.prepare((96, 160), (12, 20))
    built = network._engine.at(network.choice.artifact, (12, 20))
    network(rgb, depth)
    assert network._engine.at(network.choice.artifact, (12, 20)) is built


def test_weights_that_do_not_ship_are_an_error():
    with pytest.raises(ArtifactError, match="scale 3: expected one of"):
        path(scale=3)
