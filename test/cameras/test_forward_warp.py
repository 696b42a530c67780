from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.depth import to_metres
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.forward_warp import register_depth, registered_grid
from depth_sr_ros.cameras.transforms import StaticTransforms, quaternion, rigid_matrix

CAMERA = Intrinsics(40, 30, 40.0, 40.0, 19.5, 14.5)


def moved(x=0.0, y=0.0, z=0.0):
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix


def test_the_same_camera_sees_the_same_depth():
    depth = np.random.default_rng(0).uniform(1, 4, (30, 40)).astype(np.float32)
    depth[3, 5] = np.nan
    np.testing.assert_array_equal(register_depth(depth, CAMERA, CAMERA, np.eye(4)), depth)


def test_a_plane_moves_by_its_disparity():
    depth = np.full((30, 40), 2.0, np.float32)
    # 0.1 m * 40 px / 2 m = 2 px to the right
    result = register_depth(depth, CAMERA, CAMERA, moved(x=0.1))
    assert np.isnan(result[:, :2]).all()
    np.testing.assert_array_equal(result[:, 2:], 2.0)


def test_the_nearest_of_what_covers_a_pixel_wins():
    depth = np.full((30, 40), 4.0, np.float32)
    depth[10:20, 10:14] = 1.0
    # the box moves by 4 px, the wall by 1 px
    result = register_depth(depth, CAMERA, CAMERA, moved(x=0.1))
    assert (result[10:20, 14:18] == 1.0).all()
    # what the box hid from the depth camera stays unknown
    assert np.isnan(result[12, 11:14]).all() and result[12, 10] == 4.0 and result[12, 18] == 4.0


def test_moving_forward_shortens_distances_and_leaves_no_gaps():
    result = register_depth(np.full((30, 40), 2.0, np.float32), CAMERA, CAMERA, moved(z=-0.5))
    np.testing.assert_allclose(result, 1.5)


def test_what_is_behind_the_camera_is_left_out():
    assert np.isnan(register_depth(np.full((30, 40), 2.0, np.float32), CAMERA, CAMERA, moved(z=-3.0))).all()


def test_the_grid_is_not_finer_than_the_depth_camera():
    colour = Intrinsics(160, 120, 160.0, 160.0, 79.5, 59.5)
    grid = registered_grid(CAMERA, colour)
    assert (grid.width, grid.height) == (40, 30) and registered_grid(colour, CAMERA) == CAMERA
    result = register_depth(np.full((30, 40), 2.0, np.float32), CAMERA, grid, np.eye(4))
    np.testing.assert_array_equal(result, 2.0)


def test_an_image_of_another_size_than_its_camera_is_refused():
    with pytest.raises(FrameError, match="expected depth of 40x30.*found 20x15"):
        register_depth(np.ones((15, 20), np.float32), CAMERA, CAMERA, np.eye(4))


def test_agrees_with_the_registered_depth_of_a_real_recording(shared_data):
    import json

    folder = shared_data / "recordings" / "kinect_redkitchen"
    known = json.loads((folder / "calibration.json").read_text())
    cameras = [
        Intrinsics(*(known[name][key] for key in ("width", "height", "fx", "fy", "cx", "cy")))
        for name in ("depth_camera", "colour_camera")
    ]
    to_colour = np.eye(4)
    to_colour[:3, :3], to_colour[:3, 3] = known["depth_to_colour"]["R"], known["depth_to_colour"]["t_m"]
    raw, expected = (
        to_metres(cv2.imread(str(folder / name / "000060.png"), cv2.IMREAD_UNCHANGED), "16UC1")
        for name in ("depth_raw_depthcam", "depth_registered")
    )
    raw[raw > 65], expected[expected > 65] = np.nan, np.nan  # what this sensor writes for "nothing"
    result = register_depth(raw, *cameras, to_colour)
    both = np.isfinite(result) & np.isfinite(expected)
    assert both.mean() > 0.98 * np.isfinite(expected).mean()
    assert np.mean(np.abs(result[both] - expected[both]) < 0.001) > 0.98


def stamped(parent, child, translation=(0, 0, 0), rotation=(0, 0, 0, 1)):
    vector = SimpleNamespace(**dict(zip("xyz", translation, strict=True)))
    turn = SimpleNamespace(**dict(zip("xyzw", rotation, strict=True)))
    transform = SimpleNamespace(translation=vector, rotation=turn)
    return SimpleNamespace(header=SimpleNamespace(frame_id=parent), child_frame_id=child, transform=transform)


def tree(*transforms):
    result = StaticTransforms()
    result.add(SimpleNamespace(transforms=transforms))
    return result


def test_transforms_chain_up_and_down_the_tree():
    quarter = (0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5))  # x becomes y
    known = tree(stamped("/base", "depth", (1, 0, 0), quarter), stamped("base", "colour", (0, 0, 2)))
    matrix = known.between("depth", "colour")
    np.testing.assert_allclose(matrix @ [1, 0, 0, 1], [1, 1, -2, 1], atol=1e-12)
    np.testing.assert_allclose(known.between("colour", "depth") @ matrix, np.eye(4), atol=1e-12)
    assert known.between("depth", "elsewhere") is None and known.frames() == ["base", "colour", "depth"]


def test_a_rotation_comes_back_from_its_quaternion():
    rng = np.random.default_rng(2)
    for _ in range(20):
        wanted, _ = cv2.Rodrigues(rng.normal(size=3) * 2)
        found = stamped("a", "b", rotation=quaternion(wanted)).transform
        np.testing.assert_allclose(rigid_matrix(found, "x")[:3, :3], wanted, atol=1e-9)


@pytest.mark.parametrize("broken", [{"rotation": (0, 0, 0, 0)}, {"translation": (np.nan, 0, 0)}])
def test_a_transform_that_is_none_is_refused_by_name(broken):
    with pytest.raises(ValueError, match="transform a -> b: expected a rotation"):
        tree(stamped("a", "b", **broken))
