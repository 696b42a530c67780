import numpy as np

from demo.clouds import SideView
from depth_sr_ros.cameras.camera import Camera, Intrinsics

CAMERA = Camera(Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5))
WALL = np.full((48, 64), 2.0, np.float32)
GREY = np.full((48, 64, 3), 150, np.uint8)


def drawn(view, depth, rgb=GREY):
    return (view.draw(depth, rgb) == 150).all(axis=-1)


def test_a_wall_is_narrow_from_the_side_and_as_high_as_it_is():
    deep = WALL.copy()
    deep[:, 32:] = 4
    view = SideView.around(deep, CAMERA, (120, 200))
    seen = drawn(view, WALL)
    rows, columns = np.nonzero(seen)
    # the wall is 2.1 m wide and 1.6 m high; turned by 62 degrees it looks half as wide
    assert np.ptp(columns) / view.scale < 1.1
    assert 1.3 < np.ptp(rows) / view.scale < 2.1


def test_two_walls_are_apart_and_points_between_them_are_seen():
    deep = WALL.copy()
    deep[:, 32:] = 4
    view = SideView.around(deep, CAMERA, (120, 200))
    spray = deep.copy()
    spray[20:30, 31] = np.linspace(2.3, 3.7, 10)
    assert drawn(view, spray).sum() > drawn(view, deep).sum() + 10


def test_what_is_nearer_to_the_viewer_is_in_front():
    # the viewer stands to the right of the camera: of two walls, its right half hides the left one behind it
    halves = np.where(np.arange(64) < 32, np.float32(2.6), np.float32(2.0)) * np.ones((48, 1), np.float32)
    view = SideView.around(halves, CAMERA, (120, 200))
    left, right = halves.copy(), halves.copy()
    left[:, 32:], right[:, :32] = np.nan, np.nan
    both = drawn(view, left) & drawn(view, right)
    assert both.sum() > 100
    painted = GREY.copy()
    painted[:, :32] = (255, 0, 0)
    image = view.draw(halves, painted)
    assert (image[both] == 150).all()


def test_nearly_everything_is_inside_and_invalid_pixels_are_left_out():
    view = SideView.around(WALL, CAMERA, (120, 200))
    assert view.draw(np.full_like(WALL, np.nan), GREY).max() < 100
    assert drawn(view, WALL).any()
