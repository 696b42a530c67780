"""What registration refuses, and what it still serves at its limits."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from registered import check
from two_cameras import (
    COLOUR,
    DEPTH,
    motion,
)

from depth_sr_ros.cameras import composing, filling, hypotheses, interpolation, joining, patches, placing, surfaces
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.registration import (
    NOTHING,
    Registration,
    RegistrationOptions,
    warm_up,
)

BESIDE = motion(0.041, -0.013, 0.007, (0.02, -0.031, 0.011))
KERNELS = composing, filling, hypotheses, interpolation, joining, patches, placing, surfaces
OPEN = RegistrationOptions(fill=False)
numbers = st.floats(-1, 1)
motions = st.builds(
    lambda t, r: motion(*(0.06 * v for v in t), [0.08 * v for v in r]),
    st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers),
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def compiled():
    warm_up()


def test_extrinsics_that_put_everything_behind_are_refused():
    with pytest.raises(ValueError, match="in front of the colour camera, found all of it behind .*not its inverse"):
        Registration(DEPTH, COLOUR, motion(turn=(0, np.pi, 0)))


@pytest.mark.parametrize("matrix", [motion(x=-25.0), motion(turn=(0, 1.5, 0))])
def test_views_that_do_not_meet_are_refused(matrix):
    with pytest.raises(ValueError, match="to meet the colour image, found none of it inside 149x101.*unit"):
        Registration(DEPTH, COLOUR, matrix)


def test_a_scaled_rotation_is_refused():
    with pytest.raises(ValueError, match="expected a rotation"):
        Registration(DEPTH, COLOUR, np.diag([2.0, 2, 2, 1]))


def test_a_lens_that_shows_none_of_its_pixels_is_refused():
    blind = Camera(Intrinsics(61, 47, 5.3, 5.9, 300.0, 24.61), Lens("plumb_bob", (-0.9, 0, 0, 0, 0)))
    with pytest.raises(ValueError, match="expected a lens that shows its own pixels"):
        Registration(blind, COLOUR, BESIDE)


@pytest.mark.parametrize(
    ("depth", "cause", "sentence"),
    [
        (np.ones((20, 15), np.float32), "size", "expected depth of 61x47.*found 15x20; give the camera_info"),
        (np.ones((47, 61)), "encoding", "expected .* float32 metres, found .*float64"),
        (np.ones((47, 61, 1), np.float32), "encoding", "expected"),
        (np.full((47, 61), np.nan, np.float32), "all_invalid", "expected measured pixels within 0 to inf m"),
        (np.full((47, 61), 0, np.float32), "all_invalid", "found none, and 0 beyond"),
    ],
)
@pytest.mark.parametrize("colour", [DEPTH, COLOUR], ids=["identity", "beside"])
def test_images_that_cannot_be_used_are_refused(colour, depth, cause, sentence):
    with pytest.raises(FrameError, match=sentence) as error:
        Registration(DEPTH, colour, np.eye(4))(depth)
    assert error.value.cause == cause


def test_an_image_without_anything_in_range_says_how_much_is_beyond():
    with pytest.raises(FrameError, match="within 0.1 to 1 m, found none, and 2867 beyond.*depth_max"):
        options = RegistrationOptions(depth_min=0.1, depth_max=1)
        Registration(DEPTH, COLOUR, BESIDE, options)(np.full(DEPTH.size, 2.0, np.float32))


def test_an_image_beside_the_colour_s_view_is_refused():
    depth = np.full(DEPTH.size, np.nan, np.float32)
    depth[:, 0] = 0.4
    narrow = Camera(Intrinsics(80, 60, 200.0, 200.0, 39.5, 29.5))
    with pytest.raises(FrameError, match="in the colour camera's view, found none of 47 pixels there") as error:
        Registration(DEPTH, narrow, motion(x=-0.05))(depth)
    assert error.value.cause == "no_overlap"


def test_points_behind_the_camera_are_left_out():
    depth = np.full(DEPTH.size, 3.0, np.float32)
    depth[10:20, 10:20] = 0.4
    result = Registration(DEPTH, DEPTH, motion(z=-0.5), OPEN)(depth)
    assert np.nanmin(result.start) == pytest.approx(2.5)
    with pytest.raises(FrameError, match=r"found none of 2867 pixels there \(2867 behind it") as error:
        Registration(DEPTH, DEPTH, motion(z=-0.5))(np.full(DEPTH.size, 0.4, np.float32))
    assert error.value.cause == "no_overlap"


def test_points_beyond_the_lens_do_not_fold_into_the_image():
    """The colour camera's polynomial turns back at 46 degrees; the depth camera sees 60 degrees to each side."""
    wide = Camera(Intrinsics(121, 21, 35.0, 35.0, 60.0, 10.0))
    narrow = Camera(Intrinsics(101, 21, 90.0, 90.0, 50.0, 10.0), Lens("plumb_bob", (-0.3, 0, 0, 0, 0)))
    depth = np.full(wide.size, np.nan, np.float32)
    angle = np.abs(wide.rays()[..., 0])
    depth[angle > 1.2] = 1.0
    depth[angle < 0.3] = 2.0
    result = Registration(wide, narrow, None, OPEN)(depth)
    np.testing.assert_allclose(result.start[result.quality != NOTHING], 2.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"depth_min": -1}, "0 <= depth_min < depth_max"),
        ({"depth_min": 3, "depth_max": 2}, "0 <= depth_min < depth_max, found 3 and 2 m"),
        ({"depth_max": float("nan")}, "depth_min < depth_max"),
        ({"slant": -1}, "not negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        replace(RegistrationOptions(), **change)


@pytest.mark.parametrize("sizes", [((0, 5), (4, 4)), ((5, 5), (4, 0))])
def test_identity_needs_pixels(sizes):
    with pytest.raises(ValueError, match="expected sizes of 1x1 at least"):
        Registration.identity(*sizes)


def test_images_beyond_what_is_counted_in_16_bits_are_refused():
    with pytest.raises(ValueError, match="at most 32767 colour pixels each way, found 10x40000"):
        Registration.identity((40000, 10), (40000, 10))


def test_ratios_beyond_the_image_itself_work():
    """A depth pixel larger than the colour image, by a camera of no use but finite numbers."""
    depth = Camera(Intrinsics(5, 5, 0.005, 0.005, 2.0, 2.0))
    colour = Camera(Intrinsics(40, 30, 4e4, 4e4, 19.5, 14.5))
    result = Registration(depth, colour)(np.full((5, 5), 2.0, np.float32))
    assert (result.start == 2.0).all()


def test_a_lens_that_displaces_without_bounds_asks_for_no_memory():
    """What a parallax may reach is looked for inside the image only."""
    lens = Lens("equidistant", (1e6, 1e6, 0.1, -0.3))
    colour = Camera(Intrinsics(900, 4, 900.0, 900.0, 450.0, 2.0), lens)
    depth = np.where(np.random.default_rng(0).random((4, 900)) < 0.5, 1.0, 3.0).astype(np.float32)
    registration = Registration(Camera(Intrinsics(900, 4, 900.0, 1800.0, 450.0, 2.0)), colour, motion(x=1.0))
    tracemalloc.start()
    result = registration(depth)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(result.start).all() and most < 30e6


def test_identity_needs_the_camera_of_its_images():
    with pytest.raises(ValueError, match="expected colour of 149x101, as its camera says, found 64x48"):
        Registration.identity((24, 32), (48, 64), COLOUR)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (2, 2)])
def test_the_smallest_images_work(size):
    result = Registration.identity(size, (12, 15))(np.full(size, 1.25, np.float32))
    check(result, (12, 15))
    np.testing.assert_array_equal(result.start, np.float32(1.25))
