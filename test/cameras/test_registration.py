"""Registration by its properties."""

import tracemalloc
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


def check(registered, size):
    """What holds for every result."""
    for image in (registered.start, registered.near, registered.far):
        assert image.shape == size and image.dtype == np.float32
    assert registered.quality.shape == size and registered.quality.dtype == np.uint8
    known = registered.quality != NOTHING
    np.testing.assert_array_equal(np.isfinite(registered.start), known)
    assert (registered.near[known] <= registered.start[known]).all()
    assert (registered.start[known] <= registered.far[known]).all()
    assert registered.coverage == pytest.approx((registered.quality >= FOOTPRINT).mean())


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


# holes and edges


def step(camera, near=1.0, far=3.0):
    """A square before a wall, and where it is."""
    depth = np.full(camera.size, far, np.float32)
    depth[18:30, 22:38] = near
    return depth


@pytest.mark.parametrize("ratio", [1, 2.3])
@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1), (0.6, 0.8), (-0.8, 0.35)])
def test_a_hole_beside_a_near_surface_shows_the_far_one(direction, ratio):
    size = round(61 * ratio), round(47 * ratio)
    colour = DEPTH.resized(*size)
    x, y = 0.09 * np.array(direction)
    registration = Registration(DEPTH, colour, motion(x, y))
    depth = step(DEPTH)
    open_holes = Registration(DEPTH, colour, motion(x, y), OPEN)(depth).quality == NOTHING
    result = registration(depth)
    check(result, colour.size)
    # the hole opens on the side away from the depth camera, as wide as the disparities differ; not at the border
    rows, columns = np.mgrid[: size[1], : size[0]]
    border = 6 * ratio
    inside = open_holes & (np.minimum(rows, size[1] - 1 - rows) > border)
    inside &= np.minimum(columns, size[0] - 1 - columns) > border
    f = np.array([colour.intrinsics.fx, colour.intrinsics.fy])
    wide = np.abs(f * (x, y)) * (1 - 1 / 3)
    tall_side, wide_side = (30 - 18) * ratio, (38 - 22) * ratio
    area = wide[0] * tall_side + wide[1] * wide_side - wide.prod()
    assert inside.sum() == pytest.approx(area, rel=0.25)
    assert (result.quality[inside] == FILLED).all()
    np.testing.assert_allclose(result.start[inside], 3.0, rtol=1e-6)
    question = result.near[inside] < result.far[inside]
    assert question.mean() > 0.9
    np.testing.assert_allclose(result.near[inside][question], 1.0, rtol=1e-6)
    np.testing.assert_allclose(result.far[inside], 3.0, rtol=1e-6)


def window(camera):
    """A near wall with a window on a far one, in the middle third."""
    height, width = camera.size
    depth = np.full(camera.size, 1.0, np.float32)
    depth[height // 3 : -(height // 3), width // 3 : -(width // 3)] = 3.0
    return depth


@pytest.mark.parametrize("ratio", [1, 2.3, 9])
@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1), (0.6, 0.8), (-0.8, 0.35), (0.3, -0.9)])
def test_a_hole_in_a_window_shows_what_lies_behind_it(direction, ratio):
    """Two of its four sides are near, and so are both ends of its column, or of its row."""
    size = round(61 * ratio), round(47 * ratio)
    colour = DEPTH.resized(*size)
    to_colour = motion(*(0.07 * np.array(direction)))
    depth = window(DEPTH)
    open_holes = Registration(DEPTH, colour, to_colour, OPEN)(depth).quality == NOTHING
    rows, columns = np.mgrid[: size[1], : size[0]]
    inside = open_holes & (abs(rows - size[1] / 2) < size[1] / 3) & (abs(columns - size[0] / 2) < size[0] / 3)
    assert inside.sum() > 25 * ratio**2
    result = Registration(DEPTH, colour, to_colour)(depth)
    far = np.isclose(result.start[inside], 3.0, rtol=1e-6)
    # in a corner of the window the line from one near side may end at another
    assert far.mean() == 1 if 0 in direction else far.mean() > 0.9
    shown = inside & np.isclose(result.start, 3.0, rtol=1e-6)
    np.testing.assert_allclose(result.near[shown], 1.0, rtol=1e-6)
    np.testing.assert_allclose(result.far[shown], 3.0, rtol=1e-6)


def test_motion_along_the_axis_uncovers_both_sides_of_a_strip():
    """Strips from top to bottom, seen from farther back: lines to the epipole in the middle cross their sides."""
    depth = np.full(DEPTH.size, 3.0, np.float32)
    depth[:, 8:18] = 1.0
    depth[:, 44:52] = 1.0
    open_holes = Registration(DEPTH, DEPTH, motion(z=0.5), OPEN)(depth).quality == NOTHING
    result = Registration(DEPTH, DEPTH, motion(z=0.5))(depth)
    rows, columns = np.mgrid[: DEPTH.size[0], : DEPTH.size[1]]
    inside = open_holes & (abs(rows - 24) < 12) & (columns > 8) & (columns < 50)
    assert inside.sum() > 40 and (columns[inside] < 28).any() and (columns[inside] > 30).any()
    np.testing.assert_allclose(result.start[inside], 3.5, rtol=1e-6)
    np.testing.assert_allclose(result.near[inside], 1.5, rtol=1e-6)


def test_a_hole_wider_than_the_parallax_is_not_all_far():
    """What was not measured beside a near surface, beyond what the parallax hides, goes to the nearer by of both."""
    depth = np.full(DEPTH.size, 3.0, np.float32)
    depth[:, 40:] = 1.0
    depth[:, 20:40] = np.nan
    result = Registration(DEPTH, DEPTH, motion(x=0.02))(depth)
    # the strip moves by 1.1 px and the wall by 0.4, which hides a pixel beside the strip
    row, holes = result.start[24], result.quality[24] == FILLED
    assert holes[21:41].all() and not holes[41]
    np.testing.assert_allclose(row[40], 3.0, rtol=1e-6)
    np.testing.assert_allclose(row[32:39], 1.0, rtol=1e-6)
    np.testing.assert_allclose(row[21:29], 3.0, rtol=1e-6)


def test_a_thin_pole_stands_before_the_wall():
    depth = np.full(DEPTH.size, 3.0, np.float32)
    depth[:, 30] = 1.0
    result = Registration(DEPTH, DEPTH, motion(x=0.09), OPEN)(depth)
    # 30 + 0.09 * 55.3 is 34.98
    np.testing.assert_allclose(result.start[:, 35], 1.0, rtol=1e-6)
    assert (result.quality[:, 35] == FOOTPRINT).all() and (result.start[:, 36:] == 3.0).all()


def test_a_square_is_folded_along_its_ridge():
    camera = Camera(Intrinsics(6, 6, 4.0, 4.0, 2.5, 2.5))
    for ridge in (np.eye(2), np.eye(2)[::-1]):
        depth = np.where(ridge > 0, 1.0, 1.04).astype(np.float32)
        result = Registration.identity((2, 2), (6, 6), camera)(depth)
        wanted = np.array([[1.0, 1.02], [1.02, 1.0]]) if ridge[0, 0] else np.array([[1.02, 1.0], [1.0, 1.02]])
        np.testing.assert_allclose(result.start[2:4, 2:4] < 1.0001, wanted < 1.0001)


def test_a_hole_between_two_pairs_of_like_ends_follows_the_closer_ones():
    depth = np.full((30, 31), 3.0, np.float32)
    depth[:8] = depth[20:] = 1.0
    depth[8:20, 10:14] = np.nan
    result = Registration.identity((30, 31), (30, 31))(depth)
    np.testing.assert_allclose(result.start[8:20, 10:14], 3.0, rtol=1e-6)
    np.testing.assert_allclose(result.near[8:20, 10:14], 1.0, rtol=1e-6)


def test_forward_motion_uncovers_what_is_beside_a_near_surface():
    """Seen from nearer, a near square grows more than the wall, and nothing is uncovered; from behind it shrinks."""
    grown = Registration(DEPTH, DEPTH, motion(z=-0.3), OPEN)(step(DEPTH))
    assert (grown.quality == NOTHING).sum() == 0
    back = Registration(DEPTH, DEPTH, motion(z=0.3))(step(DEPTH))
    holes = back.quality == FILLED
    around = cv2.dilate((back.start < 2).astype(np.uint8), np.ones((7, 7))) > 0
    ring = holes & around
    assert ring.sum() > 20
    np.testing.assert_allclose(back.start[ring], 3.3, rtol=1e-6)


def test_holes_of_a_plane_are_interpolated():
    normal = np.array([0.25, -0.3, 1.0])
    full = plane(DEPTH, normal, 2.0).astype(np.float32)
    depth = full.copy()
    depth[10:17, 20:29] = depth[30, 40] = depth[33:40, 5] = np.nan
    result = Registration(DEPTH, DEPTH, np.eye(4))(depth)
    holes = ~np.isfinite(depth)
    assert (result.quality[holes] == FILLED).all()
    assert np.abs(result.start - full)[holes].max() < 0.0005


def test_a_drop_out_at_an_edge_is_one_of_both_surfaces_and_says_so():
    depth = np.full(DEPTH.size, 3.0, np.float32)
    depth[:, 30:] = 1.2
    depth[:, 28:32] = np.nan
    result = Registration(DEPTH, DEPTH, np.eye(4))(depth)
    check(result, DEPTH.size)
    assert set(np.unique(result.start)) == {np.float32(1.2), np.float32(3.0)}
    holes = result.quality == FILLED
    np.testing.assert_array_equal(result.near[holes], np.float32(1.2))
    np.testing.assert_array_equal(result.far[holes], np.float32(3.0))


def test_what_the_depth_camera_does_not_see_is_filled_from_what_lies_beside():
    wide = Camera(Intrinsics(90, 70, 40.0, 40.0, 44.5, 34.5))
    result = Registration(DEPTH, wide, motion())(np.full(DEPTH.size, 2.0, np.float32))
    assert 0.2 < result.coverage < 0.5 and (result.quality != NOTHING).all()
    np.testing.assert_allclose(result.start, 2.0, rtol=1e-6)
    assert result.start[0, 0] == pytest.approx(2.0) and result.quality[0, 0] == FILLED


def test_both_surfaces_of_an_edge_are_offered_within_a_depth_pixel():
    depth = np.full((20, 21), 3.0, np.float32)
    depth[:, 11:] = 1.5
    for ratio in (1, 4):
        result = Registration.identity((20, 21), (20 * ratio, 21 * ratio))(depth)
        columns = np.arange(21 * ratio)
        question = (columns >= 10 * ratio) & (columns < 12 * ratio)
        np.testing.assert_array_equal(result.near < result.far, np.broadcast_to(question, result.near.shape))
        assert (result.near[:, question] == 1.5).all() and (result.far[:, question] == 3.0).all()


def test_a_slanted_wall_is_no_edge():
    depth = plane(DEPTH, np.array([0.6, -0.5, 1.0]), 2.0).astype(np.float32)
    assert depth.max() > 3 * depth.min()
    result = Registration(DEPTH, COLOUR, BESIDE, OPEN)(depth)
    measured = result.quality == MEASURED
    assert measured.mean() > 0.7
    np.testing.assert_array_equal(result.near[measured], result.far[measured])


def test_a_near_surface_hides_the_wall_behind_it():
    depth = step(DEPTH)
    result = Registration(DEPTH, DEPTH, motion(x=0.1), OPEN)(depth)
    # 0.1 m at 1 m is 5.53 px, at 3 m 1.84 px: columns 22 to 37 become 27.03 (their left edges) to 43.03
    row = result.start[24]
    np.testing.assert_allclose(row[28:43], 1.0, rtol=1e-6)
    np.testing.assert_allclose(row[44:], 3.0, rtol=1e-6)
    np.testing.assert_allclose(row[2:23], 3.0, rtol=1e-6)
    assert np.isnan(row[24:27]).all()


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


# bad input


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
