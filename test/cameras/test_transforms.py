from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depth_sr_ros.cameras.transforms import StaticTransforms, quaternion, rigid_matrix


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
