"""What registration makes of holes and edges."""

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st
from registered import check
from two_cameras import (
    COLOUR,
    DEPTH,
    motion,
    plane,
)

from depth_sr_ros.cameras import composing, filling, hypotheses, interpolation, joining, patches, placing, surfaces
from depth_sr_ros.cameras.camera import Camera, Intrinsics
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
