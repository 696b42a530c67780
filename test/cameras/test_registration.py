"""Registration by its properties."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registered import check
from two_cameras import (
    COLOUR,
    DEPTH,
    LENSES,
    boxes,
    flipped,
    mirrored_motion,
    motion,
    moved_plane,
    plane,
    positions,
    transposed,
    with_lens,
)

from depth_sr_ros.cameras import composing, filling, hypotheses, interpolation, joining, patches, placing, surfaces
from depth_sr_ros.cameras.calibration import read_calibration
from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.registration import (
    FILLED,
    FOOTPRINT,
    MEASURED,
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


def test_no_frame_has_to_wait_for_the_compiler():
    """Whatever the sizes, lenses and memory of what comes, it is what `warm_up` has compiled for."""
    kernels = [value for module in KERNELS for value in vars(module).values()]
    kernels = [kernel for kernel in kernels if getattr(kernel, "signatures", None)]
    part = np.full((94, 122), 2.0, np.float32)[::2, ::2]
    part.flags.writeable = False
    for lens in LENSES.values():
        for colour in (DEPTH, COLOUR):
            Registration(with_lens(DEPTH, lens[0]), with_lens(colour, lens[1]), BESIDE)(part)
    Registration.identity(DEPTH.size, COLOUR.size)(boxes(DEPTH, 0))
    assert len(kernels) >= 10
    assert {kernel.__name__: len(kernel.signatures) for kernel in kernels if len(kernel.signatures) != 1} == {}


# identity


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(sorted(LENSES)), st.booleans())
def test_the_same_camera_sees_exactly_the_same(seed, lens, fill):
    camera = with_lens(DEPTH, LENSES[lens][0])
    depth = boxes(camera, seed)
    result = Registration(camera, camera, np.eye(4), RegistrationOptions(fill=fill))(depth)
    check(result, DEPTH.size)
    measured = np.isfinite(depth)
    np.testing.assert_array_equal(result.start[measured], depth[measured])
    np.testing.assert_array_equal(result.quality == MEASURED, measured)
    assert (result.quality[~measured] == (FILLED if fill else NOTHING)).all()


def test_identity_by_sizes_is_exact_too():
    depth = boxes(DEPTH, 3, holes=0)
    result = Registration.identity(DEPTH.size, DEPTH.size)(depth)
    np.testing.assert_array_equal(result.start, depth)
    assert result.coverage == 1


def test_a_lens_of_zeros_is_none():
    bent = with_lens(DEPTH, Lens("plumb_bob", (0.0,) * 5))
    depth = boxes(DEPTH, 1)
    np.testing.assert_array_equal(Registration(bent, DEPTH, np.eye(4), OPEN)(depth).start, depth)


@pytest.mark.parametrize("colour_size", [(94, 122), (141, 183), (133, 171), (60, 301), (33, 41), (47, 61)])
def test_registered_depth_of_any_ratio_stays_a_plane(colour_size):
    camera = Camera(Intrinsics(colour_size[1], colour_size[0], 130.0, 117.0, colour_size[1] * 0.47, 40.0))
    registration = Registration.identity(DEPTH.size, colour_size, camera)
    wanted = plane(camera, np.array([0.1, 0.2, 1.0]), 2.0)
    coarse = plane(camera.resized(61, 47), np.array([0.1, 0.2, 1.0]), 2.0)
    result = registration(coarse.astype(np.float32))
    check(result, colour_size)
    inner = result.quality == MEASURED
    assert result.coverage == 1 and inner.mean() > 0.9
    assert np.abs(result.start - wanted)[inner].max() <= 0.0005


@pytest.mark.parametrize("ratio", [2, 3, 5])
def test_edges_of_registered_depth_lie_between_the_pixels(ratio):
    depth = np.full((8, 9), 3.0, np.float32)
    depth[:, 4:] = 1.5
    result = Registration.identity((8, 9), (8 * ratio, 9 * ratio))(depth)
    wanted = np.repeat(np.repeat(depth, ratio, axis=0), ratio, axis=1)
    np.testing.assert_array_equal(result.start, wanted)


# planes


@settings(max_examples=40, deadline=None)
@given(motions, st.sampled_from(sorted(LENSES)), st.tuples(numbers, numbers), st.floats(0.8, 4))
def test_a_plane_stays_a_plane(to_colour, lens, slant, distance):
    """Half a millimetre is allowed to what bends between depth pixels when a lens bends it."""
    depth_camera, colour_camera = (with_lens(*both) for both in zip((DEPTH, COLOUR), LENSES[lens], strict=True))
    normal = np.array([0.6 * slant[0], 0.6 * slant[1], 1.0])
    depth = plane(depth_camera, normal, distance).astype(np.float32)
    depth[(depth < 0.3) | (depth > 12)] = np.nan
    depth[np.random.default_rng(0).random(depth.shape) < 0.1] = np.nan  # three corners of a square are a plane, too
    result = Registration(depth_camera, colour_camera, to_colour)(depth)
    check(result, COLOUR.size)
    wanted = plane(colour_camera, *moved_plane(normal, distance, to_colour))
    measured = result.quality == MEASURED
    assert measured.sum() > 500
    error = np.abs(result.start - wanted)[measured] / np.maximum(1, wanted[measured])
    assert error.max() <= (0.0005 if lens == "pinhole" else 0.003)
    assert np.median(error) <= 0.0005


def test_a_plane_of_a_real_camera_stays_one():
    """The grid and the lens of a real ToF camera: what bends between its pixels is far below its noise."""
    depth_camera = Camera(Intrinsics(320, 288, 252.1, 252.4, 162.3, 166.2), LENSES["rational_polynomial"][0])
    colour_camera = Camera(Intrinsics(640, 360, 305.2, 305.0, 318.9, 183.1), LENSES["rational_polynomial"][1])
    to_colour = motion(-0.032, -0.002, 0.004, (0.105, 0.0, 0.001))
    normal = np.array([0.3, -0.2, 1.0])
    depth = plane(depth_camera, normal, 1.7).astype(np.float32)
    result = Registration(depth_camera, colour_camera, to_colour)(depth)
    measured = result.quality == MEASURED
    wanted = plane(colour_camera, *moved_plane(normal, 1.7, to_colour))
    assert measured.mean() > 0.4
    assert np.abs(result.start - wanted)[measured].max() <= 0.0005


# nothing is invented


@settings(max_examples=30, deadline=None)
@given(motions, st.integers(0, 10**6), st.sampled_from(sorted(LENSES)), st.booleans())
def test_nothing_is_nearer_or_farther_than_what_was_measured(to_colour, seed, lens, fill):
    depth_camera, colour_camera = (with_lens(*both) for both in zip((DEPTH, COLOUR), LENSES[lens], strict=True))
    depth = boxes(depth_camera, seed)
    result = Registration(depth_camera, colour_camera, to_colour, RegistrationOptions(fill=fill))(depth)
    check(result, COLOUR.size)
    z = positions(depth, depth_camera, to_colour)[:, 2]
    known = result.quality != NOTHING
    for image in (result.start, result.near, result.far):
        assert image[known].min() >= z.min() * (1 - 1e-6) and image[known].max() <= z.max() * (1 + 1e-6)
    assert known.all() or not fill


@settings(max_examples=40, deadline=None)
@given(motions, st.integers(0, DEPTH.size[0] - 1), st.integers(0, DEPTH.size[1] - 1), st.floats(0.3, 5))
def test_a_pixel_covers_only_what_lies_around_it(to_colour, row, column, z):
    """One that leaves the image on one side does not come in on the other."""
    depth = np.full(DEPTH.size, np.nan, np.float32)
    depth[row, column] = z
    seen = COLOUR.project(positions(depth, DEPTH, to_colour))[0]
    registration = Registration(DEPTH, COLOUR, to_colour, OPEN)
    y, x = np.mgrid[: COLOUR.size[0], : COLOUR.size[1]]
    try:
        covered = registration(depth).quality != NOTHING
    except FrameError as error:
        assert error.cause == "no_overlap"
        assert not ((abs(x - seen[0]) < 0.5) & (abs(y - seen[1]) < 0.5)).any()
        return
    assert (np.abs(x - seen[0])[covered] <= 2.2).all() and (np.abs(y - seen[1])[covered] <= 2.2).all()
    assert (np.abs(registration(depth).quality - FOOTPRINT)[covered] == 0).all()


def test_a_pixel_smaller_than_the_result_s_is_not_lost():
    depth = np.full(COLOUR.size, np.nan, np.float32)
    depth[30:34, 70:75] = 1.3
    result = Registration(COLOUR, DEPTH, motion(x=0.02), OPEN)(depth)
    assert 1 <= (result.quality != NOTHING).sum() <= 9
    depth[:] = np.nan
    depth[31, 71] = 1.3
    assert (Registration(COLOUR, DEPTH, motion(x=0.02), OPEN)(depth).quality != NOTHING).sum() == 1


def test_frames_do_not_remember_each_other():
    registration = Registration(DEPTH, COLOUR, BESIDE)
    first = registration(boxes(DEPTH, 1))
    kept = first.start.copy()
    registration(boxes(DEPTH, 2))
    np.testing.assert_array_equal(first.start, kept)
    again = registration(boxes(DEPTH, 1))
    for name in ("start", "quality", "near", "far"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))


@pytest.mark.parametrize("to_colour", [BESIDE, motion(0.03, 0.02, turn=(0.0, 0.0, 1.4))], ids=["beside", "turned"])
def test_threads_change_nothing(to_colour):
    colour = COLOUR.resized(447, 303)
    depth = boxes(DEPTH.resized(223, 171), 11)
    one, many = (
        Registration(DEPTH.resized(223, 171), colour, to_colour, RegistrationOptions(threads=count)) for count in (1, 4)
    )
    assert one.threads == 1 and many.threads == 4
    alike(one(depth), many(depth), lambda image: image, but=0)


def test_the_image_that_came_is_left_alone():
    depth = boxes(DEPTH, 5)
    kept = depth.copy()
    depth.flags.writeable = False
    Registration(DEPTH, COLOUR, BESIDE, RegistrationOptions(depth_max=2.0))(depth)
    np.testing.assert_array_equal(depth, kept)


# there and back


@settings(max_examples=20, deadline=None)
@given(motions, st.tuples(numbers, numbers), st.floats(1, 3))
def test_there_and_back(to_colour, slant, distance):
    normal = np.array([0.4 * slant[0], 0.4 * slant[1], 1.0])
    depth = plane(DEPTH, normal, distance).astype(np.float32)
    there = Registration(DEPTH, COLOUR, to_colour, OPEN)(depth)
    there = np.where(there.quality == MEASURED, there.start, np.float32(np.nan))
    back = Registration(COLOUR, DEPTH, np.linalg.inv(to_colour), OPEN)(there)
    measured = back.quality == MEASURED
    assert measured.sum() > 300
    np.testing.assert_allclose(back.start[measured], depth[measured], atol=0.0005, rtol=1e-4)


# symmetry


OUTLINES = {False: 0.001, True: 0.003}
"""Share of the pixels that may lie on an outline so exactly that rounding decides who covers them, without and with
holes filled: one of them may fill a row or a column of a hole."""


def alike(one, other, turn, but=OUTLINES[False]):
    """That both are the same but for outlines."""
    for name in ("start", "near", "far"):
        same = np.isclose(turn(getattr(one, name)), getattr(other, name), rtol=2e-5, equal_nan=True)
        assert 1 - same.mean() <= but, name
    assert (turn(one.quality) != other.quality).mean() <= but


@settings(max_examples=30, deadline=None)
@given(motions, st.integers(0, 10**6), st.sampled_from([(True, False), (False, True), (True, True)]), st.booleans())
def test_mirrored_cameras_see_a_mirrored_image(to_colour, seed, flips, fill):
    options = RegistrationOptions(fill=fill)
    depth = boxes(DEPTH, seed)
    mirror = np.diag([-1.0 if flips[0] else 1.0, -1.0 if flips[1] else 1.0, 1.0])

    def turn(image):
        image = image[:, ::-1] if flips[0] else image
        return np.ascontiguousarray(image[::-1] if flips[1] else image)

    plain = Registration(DEPTH, COLOUR, to_colour, options)(depth)
    other = Registration(flipped(DEPTH, *flips), flipped(COLOUR, *flips), mirrored_motion(to_colour, mirror), options)(
        turn(depth)
    )
    alike(plain, other, turn, OUTLINES[fill])


@settings(max_examples=30, deadline=None)
@given(motions, st.integers(0, 10**6), st.booleans())
def test_rows_and_columns_are_treated_alike(to_colour, seed, fill):
    options = RegistrationOptions(fill=fill)
    depth = boxes(DEPTH, seed)
    swap = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])
    plain = Registration(DEPTH, COLOUR, to_colour, options)(depth)
    other = Registration(transposed(DEPTH), transposed(COLOUR), mirrored_motion(to_colour, swap), options)(
        np.ascontiguousarray(depth.T)
    )
    alike(plain, other, lambda image: image.T)


# range


def test_depth_out_of_range_counts_as_not_measured():
    depth = boxes(DEPTH, 8)
    depth[5:9, 40:50], depth[30:33, 3:9] = 1000.0, 0.05
    usable = np.where((depth >= 0.2) & (depth <= 10), depth, np.float32(np.nan))
    limited = Registration(DEPTH, COLOUR, BESIDE, RegistrationOptions(depth_min=0.2, depth_max=10))(depth)
    plain = Registration(DEPTH, COLOUR, BESIDE)(usable)
    alike(limited, plain, lambda image: image, but=0)
    assert limited.beyond_range == (np.isfinite(depth) & ~np.isfinite(usable)).sum() and plain.beyond_range == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 43), st.integers(3, 57), st.sampled_from([0.1, 1000.0, 3e38]))
def test_one_wrong_pixel_moves_only_what_is_around_it(seed, row, column, wrong):
    depth = boxes(DEPTH, seed)
    other = depth.copy()
    other[row, column] = wrong
    registration = Registration(DEPTH, DEPTH, np.eye(4))
    one, two = registration(depth), registration(other)
    y, x = np.mgrid[: DEPTH.size[0], : DEPTH.size[1]]
    measured = np.isfinite(depth) & ((abs(y - row) > 1) | (abs(x - column) > 1))
    for name in ("start", "near", "far"):
        np.testing.assert_array_equal(getattr(one, name)[measured], getattr(two, name)[measured])


@pytest.mark.parametrize("wrong", [0.4, 50.0, 1e30])
@pytest.mark.parametrize(("row", "column"), [(0, 30), (46, 30), (23, 0), (23, 60), (20, 39), (24, 41)])
def test_one_wrong_pixel_at_a_hole_does_not_fill_it(wrong, row, column):
    """At the border of the view, and at a hole in the middle of it."""
    depth = np.full(DEPTH.size, 2.0, np.float32)
    depth[18:30, 40:50] = np.nan
    depth[row, column] = wrong
    registration = Registration(DEPTH, COLOUR, motion(x=-0.004))
    filled = registration(depth)
    assert (filled.quality == FILLED).mean() > 0.01
    wild = (filled.quality == FILLED) & ~np.isclose(filled.start, 2.0, rtol=0.01)
    assert wild.sum() <= 4
    assert np.isfinite(filled.start).all()


def test_single_pixels_fill_holes_where_there_is_nothing_else():
    depth = np.full(DEPTH.size, np.nan, np.float32)
    depth[5:45:10, 5:60:10] = 2.0 + np.arange(6)
    result = Registration(DEPTH, COLOUR, motion(x=-0.004))(depth)
    assert np.isfinite(result.start).all() and result.start.max() == pytest.approx(7.0, rel=1e-3)


@pytest.mark.parametrize("size", [(94, 122), (20, 30)])
def test_as_far_as_a_float_can_hold_stays_finite(size):
    depth = np.full(DEPTH.size, 2.0, np.float32)
    depth[20, 30] = np.finfo(np.float32).max
    result = Registration.identity(DEPTH.size, size)(depth)
    for image in (result.start, result.near, result.far):
        assert np.isfinite(image).all()


def test_what_is_no_distance_is_no_measurement():
    depth = np.full(DEPTH.size, 2.0, np.float32)
    depth[20, 10:15] = np.nan, np.inf, -1.0, 0.0, -np.inf
    result = Registration(DEPTH, DEPTH, np.eye(4), OPEN)(depth)
    np.testing.assert_array_equal(np.argwhere(result.quality == NOTHING), [(20, x) for x in range(10, 15)])
    assert result.beyond_range == 0


# real


def test_agrees_with_the_registered_depth_of_a_real_recording(shared_data):
    folder = shared_data / "recordings" / "kinect_redkitchen"
    known = read_calibration(folder / "calibration.json")
    assert known.depth is not None
    registration = Registration(known.depth, known.colour, known.depth_to_colour, OPEN)
    for number in (0, 60, 120, 180):
        raw, expected = (
            to_metres(cv2.imread(str(folder / name / f"{number:06d}.png"), cv2.IMREAD_UNCHANGED), "16UC1")
            for name in ("depth_raw_depthcam", "depth_registered")
        )
        result = registration(raw).start
        both = np.isfinite(result) & np.isfinite(expected)
        assert both.sum() >= 0.95 * np.isfinite(expected).sum()
        assert np.median(np.abs(result - expected)[both]) <= 0.003
