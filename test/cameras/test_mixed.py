"""Mixed pixels: found along edges, and nowhere else."""

import numpy as np
import pytest
from two_cameras import COLOUR, DEPTH, motion

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.registration import Registration, RegistrationOptions

CAMERA = Camera(Intrinsics(40, 30, 40.0, 40.0, 19.5, 14.5))


def assigned(depth, camera=CAMERA, **options):
    registration = Registration.identity(
        camera.size, camera.size, camera, RegistrationOptions(assign_mixed=True, **options)
    )
    return registration(np.asarray(depth, np.float32)).start


def step(between, near=1.0, far=3.0):
    """A near wall and a far one, and a column of pixels between them."""
    depth = np.full(CAMERA.size, far, np.float32)
    depth[:, :20], depth[:, 20] = near, between
    return depth


@pytest.mark.parametrize(("between", "surface"), [(1.3, 1.0), (1.9, 1.0), (2.1, 3.0), (2.6, 3.0)])
def test_a_mixed_pixel_goes_to_the_surface_that_it_is_nearer_to(between, surface):
    depth = step(between)
    expected = depth.copy()
    expected[:, 20] = surface
    np.testing.assert_array_equal(assigned(depth), expected)


@pytest.mark.parametrize("turned", [lambda depth: depth[:, ::-1], lambda depth: depth[::-1]])
def test_mirrored_depth_gives_the_mirrored_result(turned):
    depth = step(1.3)
    depth[4:9, 25:30] = 1.5
    depth[9, 25:30] = 2.2
    np.testing.assert_array_equal(assigned(np.ascontiguousarray(turned(depth))), turned(assigned(depth)))


def test_rows_and_columns_and_diagonals_are_alike():
    rows, columns = np.mgrid[:30, :40]
    for where in (rows - 15, columns - 20, rows + columns - 34, rows - columns):
        depth = np.where(where < 0, 1.0, 3.0).astype(np.float32)
        mixed = depth.copy()
        mixed[where == 0] = 1.4
        expected = depth.copy()
        expected[where == 0] = 1.0
        inside = slice(2, -2), slice(2, -2)
        np.testing.assert_array_equal(assigned(mixed)[inside], expected[inside])


def test_slanted_surfaces_stay_as_they_are():
    rows, columns = np.mgrid[:30, :40]
    ray = (columns - 19.5) / 40
    for tilt in (0.0, 1.0, 2.0, -2.0):  # up to 63 degrees
        depth = (2 / (1 + tilt * ray * 0.9)).astype(np.float32)
        np.testing.assert_array_equal(assigned(depth), depth)


def test_noise_and_thin_things_stay_as_they_are():
    depth = 2 + 0.004 * np.random.default_rng(0).standard_normal(CAMERA.size).astype(np.float32)
    depth[:, 10] = 1.0  # a wire
    depth[5, 30] = 4.0
    np.testing.assert_array_equal(assigned(depth), depth)


def test_stairs_are_surfaces_where_each_is_wider_than_a_pixel():
    depth = np.repeat([1.0, 1.5, 2.0, 2.5], 10)[None].repeat(30, 0).astype(np.float32)
    np.testing.assert_array_equal(assigned(depth), depth)


def test_surfaces_out_of_range_do_not_count():
    depth = step(1.9)
    kept = assigned(depth, fill=False, depth_max=2.5)
    np.testing.assert_array_equal(kept[:, 20], np.float32(1.9))
    assert np.isnan(kept[:, 21:]).all()


def test_nothing_is_touched_unless_asked_for():
    depth = step(1.9)
    np.testing.assert_array_equal(Registration.identity(CAMERA.size, CAMERA.size, CAMERA)(depth).start, depth)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.5, 0.65, 0.9])
@pytest.mark.parametrize("place", [(0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1)])
def test_the_nearer_surface_covers_its_share_of_a_mixed_pixel(place, share):
    rows, columns = np.mgrid[:9, :9] - 4
    ahead = rows * place[0] + columns * place[1]  # how far a pixel lies towards the nearer surface
    depth = np.where(ahead > 0, 1.0, np.where(ahead < 0, 3.0, 3 - 2 * share)).astype(np.float32)
    colour = Camera(Intrinsics(144, 144, 2000.0, 2000.0, 71.5, 71.5))
    start = Registration.identity((9, 9), colour.size, colour, RegistrationOptions(assign_mixed=True))(depth).start
    square = start[64:80, 64:80]
    assert np.isin(np.round(square, 3), (1, 3)).all()
    near = square < 2
    assert near.mean() == pytest.approx(share, abs=0.07)
    towards = [np.average(np.indices(near.shape)[axis][near]) - 7.5 for axis in (0, 1)]
    assert all(np.sign(round(moved, 6)) == side for moved, side in zip(towards, place, strict=True))


def test_an_edge_lies_where_a_time_of_flight_camera_saw_it():
    """Against the exact place of a silhouette, averaged over where it lies within a depth pixel."""
    ratio, errors = 4, {True: [], False: []}
    for edge in np.arange(40.0, 60.0, 0.7):
        covered = np.clip(edge - np.arange(100), 0, 1)  # of a row of a camera with 100 pixels
        row = covered * 1.0 + (1 - covered) * 2.0
        depth = np.repeat(row[None], 12, 0).astype(np.float32)
        for assign in errors:
            options = RegistrationOptions(assign_mixed=assign)
            start = Registration.identity((12, 100), (12 * ratio, 100 * ratio), None, options)(depth).start
            errors[assign].append(abs(np.count_nonzero(start[20] < 1.5) - edge * ratio))
    assert np.mean(errors[True]) <= 0.5  # colour pixels
    assert np.mean(errors[False]) > np.mean(errors[True])


def test_what_is_given_is_not_changed():
    depth = step(1.3)
    depth.flags.writeable = False
    assigned(depth)
    np.testing.assert_array_equal(depth, step(1.3))


def test_no_pixel_flies_between_two_surfaces_of_a_second_camera():
    depth = np.full(DEPTH.size, 3.0, np.float32)
    height, width = DEPTH.size
    depth[:, : width // 2] = 1.0
    depth[:, width // 2] = 1.7
    pose = motion(x=-0.05)
    options = RegistrationOptions(fill=False)
    plain = Registration(DEPTH, COLOUR, pose, options)(depth).start
    clean = Registration(DEPTH, COLOUR, pose, RegistrationOptions(fill=False, assign_mixed=True))(depth).start
    between = [np.count_nonzero((start > 1.01) & (start < 2.99)) for start in (plain, clean)]
    assert between[0] > 0 and between[1] == 0
