"""NYU Depth v2 in its three layouts."""

import json

import h5py
import numpy as np
import pytest

from training.datasets.pairs import load_pair
from training.datasets.registry import open_dataset

HEIGHT, WIDTH = 6, 8


@pytest.fixture
def labelled(tmp_path):
    """The publisher's file with all 1449 images, a few pixels wide, stored transposed."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (1449, HEIGHT, WIDTH, 3), np.uint8)
    depths = rng.uniform(0.7, 9, (1449, HEIGHT, WIDTH)).astype(np.float32)
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = images.transpose(0, 3, 2, 1)
        file["depths"] = depths.transpose(0, 2, 1)
    return tmp_path, images, depths


def test_labelled_file_is_split_into_first_1000_and_last_449(labelled):
    folder, images, depths = labelled
    train, test = open_dataset("nyu", folder, "train"), open_dataset("nyu", folder, "test")
    assert (len(train), len(test), len(open_dataset("nyu", folder))) == (1000, 449, 1449)
    pair = load_pair(test[0])
    np.testing.assert_array_equal(pair.rgb, images[1000])
    np.testing.assert_array_equal(pair.target, depths[1000])
    assert (pair.entry.kind, pair.entry.unit, pair.entry.name) == ("depth", "m", "1000")


def test_dada_split_is_read_from_its_list(labelled):
    folder, _, depths = labelled
    (folder / "split_idc_nyuv2.json").write_text(json.dumps({"train": [7, 3], "val": [1], "test": [1448]}))
    assert [e.scene for e in open_dataset("nyu", folder, "dada-train")] == ["0007", "0003"]
    np.testing.assert_array_equal(load_pair(open_dataset("nyu", folder, "dada-test")[0]).target, depths[1448])


def test_missing_dada_list_is_named_with_its_source(labelled):
    with pytest.raises(FileNotFoundError, match=r"split_idc_nyuv2.json is missing.*Diffusion-Super-Resolution"):
        open_dataset("nyu", labelled[0], "dada-val")


@pytest.mark.parametrize("text", ["{}", "[1, 2]", '{"val": ["x"]}', "no json"])
def test_a_dada_list_of_another_form_is_named(labelled, text):
    (labelled[0] / "split_idc_nyuv2.json").write_text(text)
    with pytest.raises(ValueError, match=r"split_idc_nyuv2.json: expected lists of numbers as train, val and test"):
        open_dataset("nyu", labelled[0], "dada-val")


def test_a_file_cut_short_is_named(tmp_path):
    (tmp_path / "nyu_depth_v2_labeled.mat").write_bytes(b"MATLAB 7.3 MAT-file")
    with pytest.raises(ValueError, match=r"nyu_depth_v2_labeled.mat: expected a whole HDF5 file"):
        open_dataset("nyu", tmp_path, "test")


def test_folders_of_single_files(tmp_path, files):
    (tmp_path / "Depth").mkdir()
    for n in range(3):
        files.colour(tmp_path / "RGB" / f"{n}.jpg", HEIGHT, WIDTH)
        np.save(tmp_path / "Depth" / f"{n}.npy", np.full((HEIGHT, WIDTH), n + 1.5))
    entries = open_dataset("nyu", tmp_path)
    assert len(entries) == 3
    assert load_pair(entries[2]).target[0, 0] == 3.5
    for split in ("train", "test"):
        with pytest.raises(ValueError, match=f"expected the 1449 labelled pairs for split {split}, found 3"):
            open_dataset("nyu", tmp_path, split)


def test_pre_split_arrays_get_their_range_back(tmp_path):
    rng = np.random.default_rng(1)
    depth = rng.uniform(100, 900, (2, HEIGHT, WIDTH)).astype(np.float32)  # centimetres
    low, high = depth.min((1, 2)), depth.max((1, 2))
    np.save(tmp_path / "test_depth.npy", (depth - low[:, None, None]) / (high - low)[:, None, None])
    np.save(tmp_path / "test_images_v2.npy", np.full((2, HEIGHT, WIDTH, 3), 0.2, np.float32))
    np.save(tmp_path / "test_minmax.npy", np.stack([high, low]))
    pair = load_pair(open_dataset("nyu", tmp_path, "test")[1])
    np.testing.assert_allclose(pair.target, depth[1] / 100, rtol=1e-4)
    assert (pair.rgb == 51).all() and pair.valid.all() and pair.entry.name == "1001"


def test_pre_split_training_arrays_have_no_holes_at_their_minimum(tmp_path):
    depth = np.linspace(0, 1, HEIGHT * WIDTH, dtype=np.float32).reshape(1, HEIGHT, WIDTH)
    np.save(tmp_path / "train_depth_split.npy", depth)
    np.save(tmp_path / "train_images_split.npy", np.zeros((1, HEIGHT, WIDTH, 3), np.float32))
    pair = load_pair(open_dataset("nyu", tmp_path, "train")[0])
    assert pair.valid.all()
    assert np.ptp(pair.target) == pytest.approx(1, abs=1e-5)


def test_missing_min_max_file_is_named(tmp_path):
    np.save(tmp_path / "test_depth.npy", np.zeros((1, HEIGHT, WIDTH), np.float32))
    np.save(tmp_path / "test_images_v2.npy", np.zeros((1, HEIGHT, WIDTH, 3), np.float32))
    with pytest.raises(FileNotFoundError, match=r"test_minmax.npy is missing"):
        open_dataset("nyu", tmp_path, "test")


def test_empty_folder_names_the_file_and_the_page(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nyu_depth_v2_labeled.mat is missing.*cs.nyu.edu"):
        open_dataset("nyu", tmp_path, "train")


def test_foreign_mat_file_lists_its_variables(tmp_path):
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:
        file["labels"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"expected the variables images and depths, found \['labels'\]"):
        open_dataset("nyu", tmp_path, "train")
