"""Intrinsics and cameras."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from depth_sr_ros.cameras.camera import (
    Camera,
    Intrinsics,
    camera_of,
    intrinsics_of,
    is_rectified,
    resampled_matrices,
)
from depth_sr_ros.cameras.lens import Lens

CAMERA = Intrinsics(80, 60, 72.5, 73.0, 39.5, 29.5)


def test_resizing_keeps_the_image_edges_in_place():
    larger = CAMERA.resized(640, 480)
    assert (larger.fx, larger.fy) == (580, 584)
    assert (larger.cx, larger.cy) == (319.5, 239.5)


def test_resizing_there_and_back_is_the_identity():
    back = CAMERA.resized(641, 477).resized(80, 60)
    assert (back.fx, back.fy, back.cx, back.cy) == pytest.approx((72.5, 73.0, 39.5, 29.5))


def test_a_ray_keeps_its_direction():
    """The point seen at the centre of coarse pixel (10, 20) is seen at the same place of the larger image."""
    larger = CAMERA.resized(640, 480)
    x = (10 + 0.5) * 8 - 0.5
    assert (x - larger.cx) / larger.fx == pytest.approx((10 - CAMERA.cx) / CAMERA.fx)


def test_reads_what_it_wrote(tmp_path):
    CAMERA.write(tmp_path / "camera.json")
    assert Intrinsics.read(tmp_path / "camera.json") == CAMERA


def test_missing_file_names_the_keys(tmp_path):
    with pytest.raises(FileNotFoundError, match="'fx'"):
        Intrinsics.read(tmp_path / "camera.json")


@pytest.mark.parametrize("content", ["{}", "[]", "not json", '{"width": 1, "height": 1, "fx": "wide"}'])
def test_unusable_file_names_the_keys(tmp_path, content):
    (tmp_path / "camera.json").write_text(content)
    with pytest.raises(ValueError, match="expected a JSON object with the numbers"):
        Intrinsics.read(tmp_path / "camera.json")


K = [600.0, 0.0, 319.5, 0.0, 602.0, 239.5, 0.0, 0.0, 1.0]
P = [590.0, 0.0, 319.5, -60.0, 0.0, 592.0, 239.5, 0.0, 0.0, 0.0, 1.0, 0.0]
FULL = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False)
WINDOW = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300, do_rectify=True)


def camera_info(binning=0, roi=FULL, **matrices):
    fields = {"k": K, "p": P, "d": [0.0] * 5} | matrices
    return SimpleNamespace(width=640, height=480, binning_x=binning, binning_y=binning, roi=roi, **fields)


def test_camera_info_gives_the_camera_of_its_images():
    assert intrinsics_of(camera_info()) == Intrinsics(640, 480, 600.0, 602.0, 319.5, 239.5)


@pytest.mark.parametrize(
    ("topic", "p", "rectified"),
    [("/a/image_rect_color", P, True), ("/a/image_raw", P, False), ("/a/image_rect", [0.0] * 12, False)],
)
def test_the_topics_name_and_a_projection_say_that_images_are_rectified(topic, p, rectified):
    assert is_rectified(topic, camera_info(p=p)) == rectified


def test_ros_1_camera_info_is_read_too():
    info = camera_info(D=[0.1], K=K, P=P)
    del info.k, info.p, info.d
    assert intrinsics_of(info) == intrinsics_of(camera_info())


def test_a_region_of_interest_moves_the_principal_point():
    assert intrinsics_of(camera_info(roi=WINDOW)) == Intrinsics(400, 300, 600.0, 602.0, 219.5, 199.5)


def test_binning_halves_the_camera():
    assert intrinsics_of(camera_info(2)) == Intrinsics(640, 480, 600.0, 602.0, 319.5, 239.5).resized(320, 240)


def test_a_binned_region_of_interest_is_cut_out_before_it_is_binned():
    assert intrinsics_of(camera_info(2, WINDOW)) == Intrinsics(200, 150, 300.0, 301.0, 109.5, 99.5)


def test_a_point_projects_to_the_same_place_of_the_window():
    point = np.array([0.1, 0.2, 2.0, 1.0])
    u, v, w = np.reshape(P, (3, 4)) @ point
    u2, v2, w2 = resampled_matrices(camera_info(2, WINDOW), 200, 150)[1] @ point
    assert (u2 / w2 + 0.5) / 200 == pytest.approx((u / w - 100 + 0.5) / 400)
    assert (v2 / w2 + 0.5) / 150 == pytest.approx((v / w - 40 + 0.5) / 300)


def test_an_uncalibrated_camera_has_no_intrinsics():
    info = camera_info(k=[0.0] * 9, p=[0.0] * 12)
    assert intrinsics_of(info) is None
    assert not any(matrix.any() for matrix in resampled_matrices(info, 320, 240))


def test_resampling_leaves_the_message_alone():
    info = camera_info(k=np.array(K), p=np.array(P))
    resampled_matrices(info, 10, 20)
    assert list(info.k) == K and list(info.p) == P


def test_a_camera_has_the_lens_of_its_images():
    info = camera_info(2, WINDOW, d=[0.1, 0.2, 0.0, 0.0, 0.3], distortion_model="plumb_bob")
    camera = camera_of(info)
    assert camera.intrinsics == intrinsics_of(info) and camera.size == (150, 200)
    assert camera.lens == Lens("plumb_bob", (0.1, 0.2, 0.0, 0.0, 0.3))


def test_rectified_images_follow_p_and_have_no_lens():
    camera = camera_of(camera_info(d=[0.1] * 5, distortion_model="plumb_bob"), rectified=True)
    assert camera == Camera(Intrinsics(640, 480, 590.0, 592.0, 319.5, 239.5))


def test_ros_1_gives_a_camera_too():
    info = camera_info(D=[0.1, 0, 0, 0, 0], K=K, P=P, distortion_model="plumb_bob")
    del info.k, info.p, info.d
    assert camera_of(info).lens.coefficients[0] == 0.1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"k": [0.0] * 9}, "expected a calibrated camera with a size and positive focal lengths in K, found 640x480"),
        ({"k": [float("nan")] * 9}, "expected a calibrated camera"),
        ({"distortion_model": "fov"}, "distortion model: expected one of"),
        ({"d": [0.1, 0.2]}, "plumb_bob distortion: expected 4 or 5 or 8 coefficients, found 2"),
    ],
)
def test_an_unusable_camera_info_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        camera_of(camera_info(**({"distortion_model": "plumb_bob"} | change)))


def test_a_camera_info_without_size_is_refused():
    info = camera_info(distortion_model="plumb_bob")
    info.width = info.height = 0
    with pytest.raises(ValueError, match="found 0x0"):
        camera_of(info)


LENSES = [
    Lens(),
    Lens("plumb_bob", (-0.2, 0.05, 0.001, -0.002, 0.0)),
    Lens("rational_polynomial", (0.5, -2.7, 0.0005, -0.0003, 1.6, 0.38, -2.5, 1.5)),
    Lens("equidistant", (0.02, -0.01, 0.003, -0.001)),
]


@pytest.mark.parametrize("lens", LENSES, ids=lambda lens: lens.model)
def test_rays_go_where_pixels_look(lens):
    camera = Camera(Intrinsics(81, 60, 72.5, 61.0, 42.3, 27.1), lens)
    rays = camera.rays()
    assert rays.shape == (60, 81, 2) and camera.rays() is rays
    points = np.concatenate([rays, np.ones((60, 81, 1))], axis=-1) * 2.5
    y, x = np.mgrid[:60, :81]
    np.testing.assert_allclose(camera.project(points), np.stack([x, y], axis=-1), atol=1e-5)


def test_what_is_behind_is_not_projected():
    assert np.isnan(Camera(CAMERA).project(np.array([[0.0, 0.0, -1.0], [0.1, 0.0, 0.0]]))).all()


@pytest.mark.parametrize("change", [{"fx": 0.0}, {"fy": -1.0}, {"cx": float("nan")}, {"width": 0}])
def test_a_camera_that_cannot_be_is_refused(change):
    with pytest.raises(ValueError, match="camera: expected a positive size and positive focal lengths"):
        Camera(replace(CAMERA, **change))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"fx": 1e-9}, "suit 80 pixels, found fx 1e-09"),
        ({"fy": 1e9}, r"suit 60 pixels, found fy 1e\+09"),
        ({"cx": 1e9}, r"found fx 72.5 and cx 1e\+09"),
        ({"cy": -1e300}, r"found fy 73 and cy -1e\+300"),
    ],
)
def test_numbers_of_no_camera_are_refused(change, sentence):
    with pytest.raises(ValueError, match=f"camera: expected a focal length and a centre that .*{sentence}"):
        Camera(replace(CAMERA, **change))
