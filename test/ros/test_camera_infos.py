"""Which camera_info belongs to the output."""

from __future__ import annotations

import sys
from threading import Event, Thread

import numpy as np
import pytest
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from depth_sr_ros.cameras.camera import Intrinsics, intrinsics_of
from depth_sr_ros.ros.camera_infos import CameraInfos
from depth_sr_ros.ros.conversions import to_camera_info

RGB = Image(header=Header(frame_id="rgb"), width=640, height=480)
DEPTH = Image(header=Header(frame_id="depth"), width=80, height=60)
OUTPUT = Header(frame_id="rgb")
COLOUR_CAMERA = Intrinsics(640, 480, 600.0, 600.0, 320.0, 240.0)
DEPTH_CAMERA = Intrinsics(80, 60, 75.0, 75.0, 39.5, 29.5)


@pytest.fixture
def infos():
    return CameraInfos()


def test_gives_none_while_nothing_has_come(infos):
    assert infos.for_output(RGB, DEPTH, OUTPUT) is None


def test_takes_the_colour_camera_before_the_depth_camera(infos):
    infos.keep_depth(to_camera_info(DEPTH_CAMERA, Header(frame_id="depth")))
    infos.keep_rgb(to_camera_info(COLOUR_CAMERA, Header(frame_id="rgb")))
    assert intrinsics_of(infos.for_output(RGB, DEPTH, OUTPUT)) == COLOUR_CAMERA


def test_scales_the_depth_camera_while_there_is_no_colour_camera(infos):
    infos.keep_depth(to_camera_info(DEPTH_CAMERA, Header(frame_id="depth")))
    made = infos.for_output(RGB, DEPTH, OUTPUT)
    assert made.header.frame_id == "rgb"
    assert intrinsics_of(made) == DEPTH_CAMERA.resized(640, 480)


def test_scales_a_colour_camera_info_of_another_size(infos):
    infos.keep_rgb(to_camera_info(COLOUR_CAMERA.resized(1280, 960), Header(frame_id="rgb")))
    made = intrinsics_of(infos.for_output(RGB, DEPTH, OUTPUT))
    np.testing.assert_allclose([made.fx, made.cx, made.cy], [600, 320, 240])


def test_prefers_the_message_of_the_image_s_own_frame_and_else_the_newest(infos):
    other = COLOUR_CAMERA.resized(320, 240)
    infos.keep_rgb(to_camera_info(COLOUR_CAMERA, Header(frame_id="rgb")))
    infos.keep_rgb(to_camera_info(other, Header(frame_id="another")))
    assert intrinsics_of(infos.for_output(RGB, DEPTH, OUTPUT)).fx == pytest.approx(600)
    stranger = Image(header=Header(frame_id="stranger"), width=320, height=240)
    assert intrinsics_of(infos.for_output(stranger, DEPTH, OUTPUT)) == other


def test_is_there_for_one_thread_while_another_renews_it(infos):
    info = to_camera_info(COLOUR_CAMERA, Header(frame_id="rgb"))
    infos.keep_rgb(info)
    done = Event()

    def renew() -> None:
        while not done.is_set():
            infos.keep_rgb(info)

    executor, interval = Thread(target=renew), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    executor.start()
    try:
        assert all(infos.for_output(RGB, DEPTH, OUTPUT) is not None for _ in range(2000))
    finally:
        sys.setswitchinterval(interval)
        done.set()
        executor.join()


def test_tells_of_a_missing_camera_info_with_both_topics():
    problem = CameraInfos(("/cam/rgb/camera_info", "/cam/depth_raw/camera_info")).problem(RGB, DEPTH)
    assert "/cam/rgb/camera_info or /cam/depth_raw/camera_info" in problem and "remap" in problem


def test_tells_of_a_camera_info_of_another_aspect_ratio(infos):
    infos.keep_rgb(to_camera_info(Intrinsics(1280, 720, 900.0, 900.0, 640.0, 360.0), Header(frame_id="rgb")))
    assert "1280x720, colour is 640x480" in infos.problem(RGB, DEPTH)


def test_has_no_problem_with_a_fitting_camera_info(infos):
    infos.keep_depth(to_camera_info(DEPTH_CAMERA, Header(frame_id="depth")))
    assert infos.problem(RGB, DEPTH) is None
