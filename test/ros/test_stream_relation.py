"""How depth lies to colour, as the node decides it; no DDS in here."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from two_cameras import COLOUR, DEPTH, motion

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.transforms import quaternion
from depth_sr_ros.ros import stream_relation
from depth_sr_ros.ros.camera_infos import CameraInfos
from depth_sr_ros.ros.conversions import to_camera_info
from depth_sr_ros.ros.live_transforms import LiveTransforms
from depth_sr_ros.ros.stream_relation import PATIENCE_S, WAITING, StreamRelation

POSE = motion(x=-0.05, turn=(0.0, 0.02, 0.0))


def image(camera: Camera, frame: str) -> Image:
    return Image(header=Header(frame_id=frame), height=camera.size[0], width=camera.size[1])


def edge(parent: str, child: str, matrix=None) -> TransformStamped:
    matrix = np.eye(4) if matrix is None else matrix
    turn = Quaternion(**dict(zip("xyzw", quaternion(matrix[:3, :3]), strict=True)))
    shift = Vector3(**dict(zip("xyz", map(float, matrix[:3, 3]), strict=True)))
    header = Header(frame_id=parent)
    return TransformStamped(header=header, child_frame_id=child, transform=Transform(translation=shift, rotation=turn))


class Rig:
    """A relation with what it listens to; raw depth in a frame of its own unless told otherwise."""

    def __init__(self, topics: tuple[str, str] = ("/rgb/image", "/depth_raw/image"), **how) -> None:
        self.infos, self.transforms = CameraInfos(("/rgb/info", "/depth/info")), LiveTransforms()
        self.transforms.readable = True
        self.relation = StreamRelation(self.infos, self.transforms, topics, **how)
        self.rgb, self.depth = image(COLOUR, "colour"), image(DEPTH, "tof")

    def hear(self, colour: Camera | None = COLOUR, depth: Camera | None = DEPTH) -> None:
        if colour:
            self.infos.keep_rgb(to_camera_info(colour.intrinsics, self.rgb.header))
        if depth:
            self.infos.keep_depth(to_camera_info(depth.intrinsics, self.depth.header))

    def at(self, now: float):
        return self.relation.cameras(self.rgb, self.depth, now)

    def refusal(self, now: float) -> FrameError:
        with pytest.raises(FrameError) as found:
            self.at(now)
        return found.value

    def final(self) -> FrameError:
        assert self.refusal(10.0).cause == WAITING and self.relation.problem == ""
        return self.refusal(10.0 + PATIENCE_S)


@pytest.fixture
def rig():
    return Rig()


def test_registered_cameras_are_known_at_the_first_frame(rig):
    rig.depth = image(COLOUR.resized(50, 34), "colour")
    rig.hear(depth=COLOUR.resized(50, 34))
    assert rig.at(0.0) is None and "both cameras have the same view" in rig.relation.note


def test_cameras_apart_with_a_motion_are_known_at_the_first_frame():
    rig = Rig(given=POSE)
    rig.hear()
    found = rig.at(0.0)
    assert (found.colour.size, found.depth.size) == (COLOUR.size, DEPTH.size)
    np.testing.assert_array_equal(found.depth_to_colour, POSE)
    assert "registered by depth_to_colour" in rig.relation.note and rig.relation.problem == ""


def test_a_camera_info_that_comes_late_is_waited_for_without_an_alarm():
    rig = Rig(given=POSE)
    for now in (0.0, 0.5 * PATIENCE_S):
        assert rig.refusal(now).cause == WAITING and rig.relation.problem == ""
    rig.hear()
    assert rig.at(0.9 * PATIENCE_S).depth is not None
    rig.relation.given = None  # whatever happens later, each time anew
    assert rig.refusal(100.0).cause == WAITING


def test_after_the_patience_one_frame_counts_as_registered_and_two_do_not(rig):
    rig.hear(depth=None)
    assert rig.final().cause == "unregistered" and "/tf_static" in rig.relation.problem
    rig = Rig()
    rig.depth = image(COLOUR.resized(50, 34), "colour")
    assert rig.refusal(0.0).cause == WAITING
    assert rig.at(PATIENCE_S) is None and "it lies in its frame" in rig.relation.note


def test_like_cameras_in_two_frames_wait_for_the_transform_that_may_part_them(rig):
    rig.depth = image(COLOUR, "tof")
    rig.hear(depth=COLOUR)
    assert rig.refusal(0.0).cause == WAITING
    rig.transforms.keep(SimpleNamespace(transforms=[edge("colour", "tof", motion(x=0.06))]))
    assert rig.at(0.1).depth_to_colour[0, 3] == pytest.approx(0.06)


def test_transforms_are_composed_along_the_tree(rig):
    rig.hear()
    rig.transforms.keep(SimpleNamespace(transforms=[edge("base", "colour", motion(y=0.1))]))
    assert rig.refusal(0.0).cause == WAITING
    rig.transforms.keep(SimpleNamespace(transforms=[edge("base", "tof", motion(y=0.1) @ POSE)]))
    np.testing.assert_allclose(rig.at(0.1).depth_to_colour, POSE, atol=1e-9)
    assert "registered by /tf_static" in rig.relation.note


def test_a_parameter_stands_above_transforms(rig):
    rig.hear()
    rig.transforms.keep(SimpleNamespace(transforms=[edge("colour", "tof", motion(x=1.0))]))
    rig.relation.given = POSE
    np.testing.assert_array_equal(rig.at(0.0).depth_to_colour, POSE)


def _zero(rig):
    rig.hear(depth=None)
    info = to_camera_info(DEPTH.intrinsics, rig.depth.header)
    info.k[0] = info.k[4] = 0.0
    rig.infos.keep_depth(info)


def _strange(rig):
    rig.hear()
    info = to_camera_info(COLOUR.intrinsics, rig.rgb.header)
    info.distortion_model, info.d = "fov", [0.9]
    rig.infos.keep_rgb(info)


def _two_roots(rig):
    rig.hear()
    rig.transforms.keep(SimpleNamespace(transforms=[edge("map", "colour"), edge("robot", "tof")]))


def _no_tf(rig):
    rig.hear()
    rig.transforms.readable = False


@pytest.mark.parametrize(
    ("spoil", "words", "cause"),
    [
        (lambda rig: rig.hear(depth=None), "colour in 'colour': depth is not", "unregistered"),
        (lambda rig: rig.hear(colour=None), "colour in 'colour': depth is not", "unregistered"),
        (_zero, "/depth/info: camera_info: expected a calibrated camera", "unregistered"),
        (_strange, "/rgb/info: .*distortion model: expected one of .*found 'fov'", "unregistered"),
        (lambda rig: rig.hear(), "on /tf_static, found no transforms", "unregistered"),
        (_two_roots, "on /tf_static, found colour, map, robot, tof", "unregistered"),
        (_no_tf, "found no way to read /tf_static here, since tf2_msgs is not installed", "unregistered"),
        (lambda rig: rig.hear(depth=DEPTH.resized(122, 94)), "camera_info of the image's size, 61x47", "size"),
    ],
    ids=["no_depth_info", "no_colour_info", "zero_k", "lens", "no_tf", "two_roots", "no_tf2_msgs", "size"],
)
def test_what_cannot_be_known_is_a_sentence_with_the_three_ways(rig, spoil, words, cause):
    spoil(rig)
    refusal = rig.final()
    assert refusal.cause == cause and str(refusal) == rig.relation.problem
    rig.relation.problem = ""
    with pytest.raises(FrameError, match=words):
        rig.at(50.0)
    assert all(way in str(refusal) for way in ("/tf_static", "depth_to_colour", "calibration.json"))


def test_a_missing_camera_info_is_named_where_the_motion_is_known():
    rig = Rig(given=POSE)
    rig.hear(depth=None)
    assert "expected a camera_info of both, found none for depth" in str(rig.final())


def test_assumed_registered_needs_nothing():
    rig = Rig(assume_registered=True)
    _strange(rig)
    assert rig.at(0.0) is None


def test_the_topics_name_says_that_depth_is_registered():
    rig = Rig(topics=("/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"))
    rig.depth = image(COLOUR, "tof")
    rig.hear(depth=COLOUR)
    assert rig.at(0.0) is None


def test_rectified_images_have_the_camera_of_P():
    rig = Rig(topics=("/rgb/image_rect_color", "/depth/image_rect"), given=POSE)
    rig.hear()
    info = to_camera_info(COLOUR.intrinsics, rig.rgb.header)
    info.distortion_model, info.d = "plumb_bob", [0.3, 0.0, 0.0, 0.0, 0.0]
    info.p[0] = 99.0
    rig.infos.keep_rgb(info)
    colour = rig.at(0.0).colour
    assert colour.intrinsics.fx == 99.0 and colour.lens.coefficients == ()


def test_binning_is_folded_into_the_camera():
    rig = Rig(given=POSE)
    rig.hear()
    i = DEPTH.intrinsics
    info = to_camera_info(Intrinsics(2 * i.width, 2 * i.height, 2 * i.fx, 2 * i.fy, 30.0, 40.0), rig.depth.header)
    info.binning_x = info.binning_y = 2
    rig.infos.keep_depth(info)
    depth = rig.at(0.0).depth
    assert depth.size == DEPTH.size and depth.intrinsics.fx == pytest.approx(i.fx)
    assert depth.intrinsics.cx == pytest.approx((30.0 + 0.5) / 2 - 0.5)


def test_it_is_decided_again_only_when_something_changed(monkeypatch):
    decided, relate = [], stream_relation.relate
    monkeypatch.setattr(stream_relation, "relate", lambda *found: decided.append(1) or relate(*found))
    rig = Rig(given=POSE)
    for now in range(5):
        rig.hear()  # as drivers do, with every image
        rig.at(float(now))
    assert len(decided) == 1
    rig.hear(colour=COLOUR.resized(298, 202))
    assert rig.refusal(5.0).cause == WAITING and len(decided) == 2
    rig.rgb = image(COLOUR.resized(298, 202), "colour")
    assert rig.at(5.1).colour.size == (202, 298) and len(decided) == 3
    rig.relation.given = motion(x=0.01)
    rig.at(5.2)
    assert len(decided) == 4
