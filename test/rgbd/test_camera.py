"""Intrinsics."""

import pytest

from depth_sr_ros.rgbd.camera import Intrinsics

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
