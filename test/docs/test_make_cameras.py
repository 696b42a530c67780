"""docs/cameras.md and its pictures."""

import json

import cv2
import numpy as np
import pytest

from docs.camera_curves import curves, lines_of
from docs.camera_pictures import _above, room, write_palette
from docs.make_cameras import EXPECTED, IMAGES, MEASURED, PAGE, expected_text, filled

ROW = {"mae": 10.0, "edges": 30.0, "elsewhere": 5.0, "gross": 0.1, "coverage": 0.9, "flying": 0.02, "on_driver": 9.0}


def _results(**maes):
    cells = {
        f"{camera}/Shelves": {"group": "middlebury2014", "methods": {"start": ROW | {"mae": mae}}}
        for camera, mae in maes.items()
    }
    return {"cells": cells}


def test_the_page_is_what_the_measurements_say():
    page = PAGE.read_text()
    results = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    assert filled(page, results) == page, "run `python -m docs.make_cameras`"


def test_the_shipped_errors_are_what_the_measurements_say():
    results = json.loads(MEASURED.read_text()) if MEASURED.is_file() else {}
    assert EXPECTED.read_text() == expected_text(results), "run `python -m docs.make_cameras`"
    assert json.loads(expected_text({})) == {}


def test_presets_are_on_the_page_with_their_measurements():
    page = filled(PAGE.read_text(), _results(kinect_v2=12.5))
    section = page.split("### `kinect_v2`")[1].split("### ")[0]
    assert "ros2 launch kinect2_bridge" in section and "What to expect: not measured." in section  # no such method
    results = _results(kinect_v2=12.5)
    for cell in results["cells"].values():
        cell["methods"]["driver"] = cell["methods"]["start"]
    section = filled(page, results).split("### `kinect_v2`")[1].split("### ")[0]
    assert "driver-aligned, as it arrives: 12.5 mm over 90% of the pixels, 30 at edges, 5.0 elsewhere" in section


def test_measurements_are_in_the_tables():
    page = filled(PAGE.read_text(), _results(r1=12.5, kinect_v1=14.25))
    assert "| 1 | 12.5 / 30 / 5.0 (90%) |" in page and "| 1 | 10.0% / 2.0% / 9.0 |" in page
    assert "| Kinect v1, Xtion (0.9) | 14.2 / 30 / 5.0 (90%) |" in page
    assert "Not measured." in filled(page, {}) and "12.5 / 30" not in filled(page, {})


def test_lines_follow_the_measurements():
    results = _results(r1=10, r2=20, r8=40)
    assert lines_of(results, "middlebury2014", "mae") == {"start": [(1, 10), (2, 20), (8, 40)]}
    steep, flat = curves(results, "middlebury2014"), curves(_results(r1=10, r2=10, r8=10), "middlebury2014")
    assert steep.shape == flat.shape and not np.array_equal(steep, flat)
    with pytest.raises(ValueError, match="expected a sweep over icl, found none"):
        curves(results, "icl")


def test_points_that_fly_are_red():
    scene = room()
    assert not _red(_above(scene, scene.truth))
    between = scene.truth.copy()
    between[260] = 2.5  # a row of points in the middle of the room
    assert _red(_above(scene, between)) > 50


def _red(image):
    return int((image == (0, 0, 230)).all(axis=-1).sum())


def test_pictures_are_small_and_have_a_palette(tmp_path):
    path = tmp_path / "picture.png"
    image = np.zeros((20, 30, 3), np.uint8)
    image[5:9] = (200, 30, 10)
    write_palette(path, image)
    np.testing.assert_array_equal(cv2.imread(str(path)), image)
    found = sorted(IMAGES.glob("cameras_*.png"))
    assert len(found) == 3
    for picture in found:
        assert picture.stat().st_size < 300_000 and picture.read_bytes()[25] == 3, picture  # colour type: palette
