"""Middlebury 2001 to 2014."""

import numpy as np
import pytest

from training.datasets.pairs import load_pair
from training.datasets.readers.middlebury import levels_per_pixel
from training.datasets.registry import open_dataset

CALIBRATION = """cam0=[998.5 0 330.1; 0 998.5 246.2; 0 0 1]
cam1=[998.5 0 361.2; 0 998.5 246.2; 0 0 1]
doffs=31.1
baseline=193.001
width=16
height=12
"""


def scene_2006(files, folder, levels, width=16):
    folder.mkdir(parents=True)
    values = np.tile(levels, (1, width // 16))
    for view in (1, 5):
        files.colour(folder / f"view{view}.png", 12, values.shape[1], seed=view)
        files.grey(folder / f"disp{view}.png", values)
    (folder / "dmin.txt").write_text("100\n")
    return values


def test_levels_are_kept_as_the_file_has_them(tmp_path, files, levels):
    scene_2006(files, tmp_path / "Aloe", levels)
    entries = open_dataset("middlebury2006", tmp_path)
    assert [(e.scene, e.view, e.kind) for e in entries] == [("Aloe", "v1", "disparity"), ("Aloe", "v5", "disparity")]
    pair = load_pair(entries[0])
    np.testing.assert_array_equal(pair.target[pair.valid], levels[levels > 0])
    assert not pair.valid[0, 0] and pair.valid.sum() == levels.size - 1
    np.testing.assert_array_equal(pair.rgb, files.colour(tmp_path / "again.png", seed=1))


def test_third_size_has_three_levels_per_pixel(tmp_path, files, levels):
    scene_2006(files, tmp_path / "2006" / "Aloe", levels)
    pair = load_pair(open_dataset("middlebury2006-pixel", tmp_path)[0])
    np.testing.assert_allclose(pair.target[pair.valid], levels[levels > 0] / 3, rtol=1e-6)


def test_metric_depth_at_full_size(tmp_path, files, levels):
    values = scene_2006(files, tmp_path / "Dolls", levels, width=1024)
    entry = open_dataset("middlebury2005-metric", tmp_path)[0]
    pair = load_pair(entry)
    assert (entry.kind, entry.unit) == ("depth", "m")
    np.testing.assert_allclose(pair.target[5, 5], 160 * 3740 / (values[5, 5] + 100.0) / 1000, rtol=1e-5)
    assert not pair.valid[0, 0]


def test_metric_depth_of_a_smaller_version_is_refused(tmp_path, files, levels):
    scene_2006(files, tmp_path / "Dolls", levels)
    with pytest.raises(ValueError, match="needs the full-size version, found one of width 16"):
        load_pair(open_dataset("middlebury2005-metric", tmp_path)[0])


def test_metric_depth_without_offset_names_dmin(tmp_path, files, levels):
    scene_2006(files, tmp_path / "Dolls", levels)
    (tmp_path / "Dolls" / "dmin.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"dmin.txt is missing.*scenes2005"):
        open_dataset("middlebury2005-metric", tmp_path)


def test_scenes_are_split_as_dada_does(tmp_path, files, levels):
    for scene in ("Reindeer", "Moebius", "Art", "Books"):
        scene_2006(files, tmp_path / scene, levels)
    (tmp_path / "Computer").mkdir()  # its disparity is kept back
    found = {s: {e.scene for e in open_dataset("middlebury2005", tmp_path, s)} for s in ("train", "val", "test", "all")}
    assert found["train"] == {"Art", "Books"} and found["val"] == {"Moebius"} and found["test"] == {"Reindeer"}
    assert found["all"] == {"Reindeer", "Moebius", "Art", "Books"}


def test_2001_reads_pgm_and_its_odd_scenes(tmp_path, files, levels):
    for view in (2, 6):
        files.colour(tmp_path / "venus" / f"im{view}.ppm")
        files.grey(tmp_path / "venus" / f"disp{view}.pgm", levels)
    files.colour(tmp_path / "tsukuba" / "scene1.row3.col3.ppm")
    files.grey(tmp_path / "tsukuba" / "truedisp.row3.col3.pgm", levels)
    pairs = {f"{e.scene}_{e.view}": load_pair(e) for e in open_dataset("middlebury2001-pixel", tmp_path)}
    assert set(pairs) == {"venus_v2", "venus_v6", "tsukuba_v133"}
    assert pairs["venus_v2"].target[3, 3] == levels[3, 3] / 8
    assert pairs["tsukuba_v133"].target[3, 3] == levels[3, 3] / 16


def test_2003_is_read_by_view(tmp_path, files, levels):
    for view in (2, 6):
        files.colour(tmp_path / "cones" / f"im{view}.png")
        files.grey(tmp_path / "cones" / f"disp{view}.png", levels)
    assert [e.name for e in open_dataset("middlebury2003", tmp_path)] == ["cones_v2", "cones_v6"]


@pytest.mark.parametrize(
    ("year", "scene", "width", "expected"),
    [
        ("2001", "venus", 434, 8),
        ("2001", "tsukuba", 384, 16),
        ("2003", "cones", 450, 4),
        ("2003", "teddyH", 900, 2),
        ("2003", "conesF", 1800, 1),
        ("2005", "Art", 463, 3),
        ("2006", "Aloe", 641, 2),
        ("2006", "Aloe", 1282, 1),
    ],
)
def test_levels_per_pixel_follow_the_size(year, scene, width, expected):
    assert levels_per_pixel(year, scene, width) == expected


def test_missing_colour_image_is_named(tmp_path, files, levels):
    scene_2006(files, tmp_path / "Aloe", levels)
    (tmp_path / "Aloe" / "view5.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"view5.png is missing. Middlebury 2006"):
        open_dataset("middlebury2006", tmp_path)


def test_empty_folder_tells_where_to_get_the_scenes(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"disp2.png or disp6.png.*middlebury.edu/stereo/data/scenes2003"):
        open_dataset("middlebury2003", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"disp0.pfm.*scenes2014"):
        open_dataset("middlebury2014", tmp_path)


@pytest.fixture
def scene_2014(tmp_path, files):
    disparity = np.linspace(10, 60, 12 * 16, dtype=np.float32).reshape(12, 16)
    disparity[0, 0] = np.inf
    for name in ("Adirondack-perfect", "Adirondack-imperfect", "Piano-perfect"):
        for view, order in ((0, "<"), (1, ">")):
            files.colour(tmp_path / name / f"im{view}.png", seed=view)
            files.pfm(tmp_path / name / f"disp{view}.pfm", disparity + view, order)
        (tmp_path / name / "calib.txt").write_text(CALIBRATION)
    return tmp_path, disparity


def test_2014_disparity_of_both_views_and_byte_orders(scene_2014):
    folder, disparity = scene_2014
    entries = open_dataset("middlebury2014", folder, "test")
    assert [e.name for e in entries] == ["Adirondack-perfect_v0", "Adirondack-perfect_v1"]
    for view, entry in enumerate(entries):
        pair = load_pair(entry)
        np.testing.assert_array_equal(pair.target[pair.valid], (disparity + view)[pair.valid])
        assert not pair.valid[0, 0] and pair.valid.sum() == disparity.size - 1


def test_2014_metric_depth_by_the_calibration(scene_2014):
    folder, disparity = scene_2014
    pair = load_pair(open_dataset("middlebury2014-metric", folder, "train")[0])
    assert pair.entry.scene == "Piano-perfect"
    assert pair.target[5, 5] == pytest.approx(193.001 * 998.5 / (disparity[5, 5] + 31.1) / 1000, rel=1e-5)
    assert not pair.valid[0, 0]


def test_2014_calibration_without_a_needed_line_is_refused(scene_2014):
    folder, _ = scene_2014
    (folder / "Piano-perfect" / "calib.txt").write_text("cam0=[1 0 0; 0 1 0; 0 0 1]\nbaseline=1\n")
    with pytest.raises(ValueError, match=r"missing \['doffs'\]"):
        load_pair(open_dataset("middlebury2014-metric", folder, "train")[0])


def test_2014_calibration_with_words_for_numbers_is_named(scene_2014):
    folder, _ = scene_2014
    (folder / "Piano-perfect" / "calib.txt").write_text("cam0=[a 0 0; 0 1 0; 0 0 1]\nbaseline=1\ndoffs=2\n")
    with pytest.raises(ValueError, match=r"calib.txt: expected numbers as cam0, baseline and doffs, found: .*'a'"):
        load_pair(open_dataset("middlebury2014-metric", folder, "train")[0])


def test_2014_calibration_of_the_real_sets_can_be_read(shared_data):
    from training.datasets.readers.middlebury2014 import read_calibration, to_metres

    path = shared_data / "train" / "middlebury2014_quarter"
    calibration = read_calibration(path / "Adirondack_calib.txt")
    with np.load(path / "Adirondack_v0_gt.npz") as archive:
        depth = to_metres(np.asarray(archive["disp"], np.float32), calibration)
    assert 0.5 < np.nanmin(depth) < np.nanmax(depth) < 10  # a room
