"""The hall with cameras: which path serves, and what becomes of range and assumptions."""

import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, motion
from two_views import seen

from depth_sr_ros.cameras.calibration import Calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.upsampler import Upsampler, UpsamplerError

POSE = motion(x=-0.05, turn=(0.0, 0.01, 0.0))
APART = Calibration(COLOUR, DEPTH, POSE)
QUICK = {"engine": "onnxruntime", "precision": "fp32", "threads": 1}


@pytest.fixture(scope="module")
def frame():
    return seen(COLOUR, POSE)[1], seen(DEPTH)[0]


@pytest.fixture(scope="module")
def chooser():
    yield Upsampler(**QUICK)


def coarse(camera, cells=8):
    i = camera.intrinsics
    return camera.resized(-(-i.width // cells), -(-i.height // cells))


def test_cameras_that_stand_apart_take_the_live_path(chooser, frame):
    result = chooser(*frame, APART)
    assert chooser.describe().scale == 0 and result.quality is not None and chooser.cautions == ()
    assert chooser.describe().model == "fdkn_live" and result.expected_error is not None
    np.testing.assert_array_equal(np.isfinite(result.depth), result.valid)
    truth = seen(COLOUR, POSE)[0]
    assert np.abs(result.depth - truth)[result.valid].mean() < 0.02
    assert set(result.timings) == {"prepare", "engine", "finish"}


@pytest.mark.parametrize(("scale", "size"), [(0, (80, 48)), (8, (20, 12))])
def test_registered_depth_is_served_alike_with_cameras_and_without(scale, size):
    camera = Camera(Intrinsics(160, 96, 130.0, 130.0, 79.5, 47.5))
    rgb, depth = seen(camera)[1], seen(camera.resized(*size))[0]
    upsampler = Upsampler(scale=scale, **QUICK)
    plain = upsampler(rgb, depth)
    assert upsampler.describe().scale == scale and (plain.quality is None) == (scale == 8)
    for cameras in (Calibration(camera, None, None), Calibration(camera, camera.resized(*size), np.eye(4))):
        # the camera's focal length decides a little what hangs together
        assert np.abs(upsampler(rgb, depth, cameras).depth - plain.depth).mean() < (0 if scale else 1e-3) + 1e-9
    upsampler.close()


def test_a_number_registers_and_then_asks_the_network(frame):
    upsampler = Upsampler(scale=8, **QUICK)
    result = upsampler(*frame, APART)
    truth = seen(COLOUR, POSE)[0]
    assert upsampler.describe().scale == 8 and result.depth.shape == COLOUR.size
    assert np.abs(result.depth - truth)[result.valid].mean() < 0.1 and result.valid.mean() > 0.6


def test_scale_0_needs_no_network_and_fills_on_request(frame, monkeypatch):
    def none(*settings, **more):
        raise AssertionError("an engine is looked for")

    monkeypatch.setattr("depth_sr_ros.engines.current.choose_engine", none)
    upsampler = Upsampler(model="jiif", fill_holes=True)
    result = upsampler(*frame, APART)
    assert np.isfinite(result.depth).all() and not result.valid.all()
    assert upsampler.wanted_plans() == ()
    upsampler.prepare(COLOUR.size, DEPTH.size, APART)


def test_what_is_not_known_is_refused_frame_by_frame(frame):
    upsampler = Upsampler(scale=0)
    with pytest.raises(FrameError, match="views differ by.*/tf_static.*depth_to_colour") as found:
        upsampler(*frame, Calibration(COLOUR, DEPTH, None))
    assert found.value.cause == "unregistered"
    with pytest.raises(FrameError, match="different aspect ratios.*/tf_static.*depth_to_colour.*calibration.json"):
        upsampler(*frame)
    with pytest.raises(FrameError, match="camera_info of the image's size"):
        upsampler(frame[0][:50], frame[1], APART)
    assert upsampler(*frame, APART).valid.any()


def test_assumed_registered_is_served_whatever_the_cameras_say(frame):
    upsampler = Upsampler(assume_registered=True, **QUICK)
    for cameras in (None, APART):
        assert upsampler(*frame, cameras).depth.shape == COLOUR.size
        assert upsampler.describe().scale == 0  # the networks cannot serve this aspect ratio


@pytest.mark.parametrize("moved", [motion(z=-30.0), motion(turn=(0, np.pi, 0)), motion(x=500.0)])
def test_cameras_that_see_nothing_in_common_are_refused(frame, moved):
    upsampler = Upsampler(scale=0)
    for attempt in (
        lambda: upsampler.prepare(COLOUR.size, DEPTH.size, Calibration(COLOUR, DEPTH, moved)),
        lambda: upsampler(*frame, Calibration(COLOUR, DEPTH, moved)),
    ):
        with pytest.raises(ValueError, match="depth_to_colour: expected"):
            attempt()


@pytest.mark.parametrize("scale", [0, 8])
def test_what_is_out_of_range_is_invalid_and_counted(scale):
    camera = Camera(Intrinsics(160, 96, 130.0, 130.0, 79.5, 47.5))
    rgb, depth = seen(camera)[1], seen(camera.resized(20, 12))[0]
    upsampler = Upsampler(scale=scale, depth_min=1.6, depth_max=2.2, **QUICK)
    result = upsampler(rgb, depth)
    assert result.beyond_range == ((depth < 1.6) | (depth > 2.2)).sum() > 0
    assert not result.valid[4::8, 4::8][depth < 1.6].any()
    with pytest.raises(UpsamplerError, match="expected 0 <= depth_min < depth_max"):
        Upsampler(scale=scale, depth_min=2, depth_max=1)


@pytest.mark.parametrize("scale", [0, 8])
def test_dots_are_taken_at_their_own_density(scale):
    camera = Camera(Intrinsics(320, 240, 262.0, 262.0, 159.5, 119.5))
    truth, rgb = seen(camera)
    dots = np.full_like(truth, np.nan)
    dots[3::6, 3::6] = truth[3::6, 3::6]
    upsampler = Upsampler(scale=scale, **QUICK)
    result = upsampler(rgb, dots)
    assert result.valid.mean() > 0.99 and np.abs(result.depth - truth)[result.valid].mean() < 0.1


HOSTILE = {
    "no_number": np.nan,
    "infinite": np.inf,
    "negative": -1.0,
    "subnormal": 1e-42,
    "largest": float(np.finfo(np.float32).max),
    "mixed": [np.nan, np.inf, -np.inf, 0.0, 1e-42, 1e-30, 0.001, 1.0, 60.0, 1e30, float(np.finfo(np.float32).max)],
}


SIZES = ((1, 1), (1, 1)), ((2, 3), (2, 3)), ((4, 900), (2, 450)), ((30, 40), (0, 0))
"""Of colour, and of depth."""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("kind", sorted(HOSTILE))
@pytest.mark.parametrize("apart", [False, True], ids=["registered", "apart"])
def test_hostile_depth_gives_depth_or_a_sentence(kind, sizes, apart):
    rng = np.random.default_rng(0)
    depth = rng.choice(np.atleast_1d(np.array(HOSTILE[kind], np.float32)), sizes[1])
    rgb = np.full((*sizes[0], 4), 7, np.uint8)[..., :3]  # not contiguous
    for array in (depth, rgb):
        array.flags.writeable = False
    upsampler = Upsampler(scale=0, fill_holes=True, **QUICK)
    cameras = None
    try:
        if apart:
            colour, other = (Camera(Intrinsics(w, h, w or 1, w or 1, w / 2, h / 2)) for h, w in sizes)
            cameras = Calibration(colour, other, motion(x=0.01))
        result = upsampler(rgb, depth, cameras)
    except ValueError as refused:
        assert "expected" in str(refused) and "found" in str(refused)
    else:
        assert np.isfinite(result.depth).all() and result.depth.shape == sizes[0]
