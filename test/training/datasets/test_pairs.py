"""Reading pairs by a manifest."""

from dataclasses import replace

import numpy as np
import pytest

from training.datasets.pairs import load_pair, read_manifest


def test_entries_are_read_by_split(data_folder):
    entries = read_manifest(data_folder, "train")
    assert [e.name for e in entries] == ["s0", "s1", "s2"]
    assert {e.kind for e in entries} == {"disparity"}
    assert len(read_manifest(data_folder)) == 5


def test_pair_has_filled_holes_and_remembers_them(data_folder):
    pair = load_pair(read_manifest(data_folder, "test")[0])
    assert pair.rgb.shape == (150, 180, 3) and pair.rgb.dtype == np.uint8
    assert 0.97 < pair.valid.mean() < 1
    assert pair.target.min() > 0


def test_colour_is_rgb(data_folder):
    pair = load_pair(read_manifest(data_folder, "test")[0])
    where = pair.valid
    blue = pair.target[where] % 256
    assert np.median(np.abs(pair.rgb[where][:, 2] - blue)) < 10


def test_missing_manifest_says_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a data folder with a manifest.csv"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("split,set,scene,view,rgb,gt\ntrain,a,s,,s.png,g.png\n", "found 'split,set,scene,view,rgb,gt'; add unit"),
        ("", "add split, set, scene, view, rgb, gt, unit"),
        ("split,set,scene,view,rgb,gt,unit\ntrain,a,s,,s.png\n", "line 2: cut short, nothing in gt, unit"),
    ],
)
def test_missing_columns_are_named(tmp_path, text, words):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_manifest(tmp_path)


def test_missing_split_lists_those_that_exist(data_folder):
    with pytest.raises(ValueError, match=r"no entries for split \['synthetic'\]; it has \['dev'"):
        read_manifest(data_folder, "synthetic")


def test_missing_ground_truth_is_named(data_folder, tmp_path):
    manifest = (data_folder / "manifest.csv").read_text().replace("s4_gt.png", "nowhere.png")
    (tmp_path / "manifest.csv").write_text(manifest)
    (tmp_path / "s4_rgb.png").write_bytes((data_folder / "s4_rgb.png").read_bytes())
    with pytest.raises(FileNotFoundError, match="nowhere.png"):
        load_pair(read_manifest(tmp_path, "test")[0])


def test_an_array_of_another_name_is_named(data_folder, tmp_path):
    entry = read_manifest(data_folder, "test")[0]
    np.savez(tmp_path / "gt.npz", depth=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"gt.npz: expected the array disp, found \['depth'\]"):
        load_pair(replace(entry, gt=tmp_path / "gt.npz"))


def test_every_listed_real_pair_can_be_read(shared_data):
    for entry in read_manifest(shared_data, "dev", "test"):
        pair = load_pair(entry)
        assert pair.target[pair.valid].max() > pair.target[pair.valid].min()
