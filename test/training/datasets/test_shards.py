"""Shards as training reads them."""

import pickle
from dataclasses import replace

import cv2
import numpy as np
import pytest

from depth_sr_ros.recordings.bag_writer import BagWriter
from training.datasets.pairs import load_pair
from training.datasets.readers.shards import sample_of, split_recordings
from training.datasets.registry import open_dataset
from training.extraction.bag_task import ExtractionOptions
from training.extraction.manifest import Manifest
from training.extraction.run import extract
from training.fitting.crop_loader import open_dev, open_source
from training.recipes.recipe import Collection, CropSettings, DataOptions, Recipe


@pytest.fixture(scope="module")
def shards(tmp_path_factory, scene):
    """Three recordings of 4, 5 and 6 frames in shards of 2; colour of the last is twice as large as its depth."""
    folder = tmp_path_factory.mktemp("bags")
    for count, name in ((4, "hall"), (5, "kitchen")):
        scene.write_scene(folder / name, count, seed=count)
    with BagWriter(folder / "office") as bag:
        for number in range(6):
            rgb, depth = scene.frame(number * 2.0, 6)
            scene.write_pair(bag, number, cv2.resize(rgb, (128, 96)), depth)
    out = tmp_path_factory.mktemp("shards")
    extract([folder], out, ExtractionOptions(shard_samples=2), say=lambda text: None)
    return out


def recordings(entries):
    return {entry.scene.rpartition("-")[0] for entry in entries}


def test_frames_come_in_order_with_everything_that_training_needs(shards, scene):
    entries = [e for e in open_dataset("shards", shards) if e.scene.startswith("hall")]
    assert [e.view for e in entries] == [f"{n:06d}" for n in range(4)]
    for number, entry in enumerate(entries):
        pair, (rgb, depth) = load_pair(entry), scene.frame(number * 2.0, 4)
        np.testing.assert_array_equal(pair.rgb, rgb)
        np.testing.assert_array_equal(pair.valid, depth > 0)
        np.testing.assert_allclose(pair.target[pair.valid], depth[depth > 0] / 1000, rtol=1e-6)
        assert (entry.unit, entry.kind, entry.quantum) == ("m", "depth", 0.001)


def test_large_colour_is_reduced_to_the_grid_of_depth(shards):
    entry = next(e for e in open_dataset("shards", shards) if e.scene.startswith("office"))
    assert load_pair(entry).rgb.shape == (48, 64, 3) and sample_of(entry).colour().shape == (96, 128, 3)


def test_calibration_and_provenance_are_at_hand(shards, scene):
    entry = next(e for e in open_dataset("shards", shards) if e.scene.startswith("kitchen"))
    sample = sample_of(entry)
    assert sample.read_json("calibration")["depth_camera"]["fx"] == 60.0
    known = sample.read_json("provenance")
    assert known["recording"] == "kitchen" and known["stamps_ns"]["colour"] == scene.START
    assert known["bag"].startswith(entry.scene.rpartition("-")[2])
    with pytest.raises(FileNotFoundError, match="has no normals.png, only"):
        sample.read("normals.png")


def test_recordings_are_split_and_never_frames(shards):
    train, dev = (open_dataset("shards", shards, split) for split in ("train", "dev"))
    assert recordings(train) | recordings(dev) == {"hall", "kitchen", "office"}
    assert not recordings(train) & recordings(dev) and train and dev
    assert len(train) + len(dev) == len(open_dataset("shards", shards)) == 15


def test_recordings_are_held_out_by_name_or_hash(shards):
    assert recordings(open_dataset("shards", shards, "dev", held=["office"])) == {"office"}
    bag = next(r.bag for r in Manifest.read(shards).bags.values() if r.name == "hall")
    assert recordings(open_dataset("shards", shards, "dev", held=[bag[:8]])) == {"hall"}
    with pytest.raises(ValueError, match=r"no recordings \['attic'\] to hold out; it has \['"):
        open_dataset("shards", shards, "dev", held=["attic"])


def held_of(shards, hashes, share):
    """Which of recordings with these hashes are held out."""
    manifest = Manifest.read(shards)
    known = next(iter(manifest.bags.values()))
    manifest.bags = {bag: replace(known, bag=bag) for bag in hashes}
    return {record.bag for record in split_recordings(manifest, (), share)[1]}


LOW, MIDDLE, HIGH, HIGHEST = "1" * 64, "5" * 64, "c" * 64, "f" * 64


def test_what_is_held_out_by_its_hash_stays_so_when_recordings_join(shards):
    two, three = held_of(shards, [LOW, HIGH], 0.4), held_of(shards, [LOW, MIDDLE, HIGH], 0.4)
    assert two == {LOW} and three == {LOW, MIDDLE}
    assert held_of(shards, [LOW, HIGH, HIGHEST], 0.4) == two


def test_where_no_hash_is_in_the_share_one_steps_in_until_another_is(shards):
    assert held_of(shards, [HIGH, HIGHEST], 0.4) == {HIGH}
    assert held_of(shards, [MIDDLE, HIGH, HIGHEST], 0.4) == {MIDDLE}


def test_where_all_hashes_are_in_the_share_one_is_left_to_train_on(shards):
    assert held_of(shards, [LOW, MIDDLE, HIGH], 0.9) == {LOW, MIDDLE}


def test_one_recording_cannot_be_split(tmp_path, scene):
    scene.write_scene(tmp_path / "bag", 3)
    extract([tmp_path / "bag"], tmp_path / "out", say=lambda text: None)
    assert len(open_dataset("shards", tmp_path / "out", "train")) == 3
    with pytest.raises(ValueError, match="expected recordings in split 'dev', found 1 in all.*extract another bag"):
        open_dataset("shards", tmp_path / "out", "dev")


def test_missing_and_damaged_shards_are_named(tmp_path, scene):
    scene.write_scene(tmp_path / "bag", 3)
    extract([tmp_path / "bag"], tmp_path / "out", say=lambda text: None)
    (shard,) = (tmp_path / "out").glob("*.tar")
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(ValueError, match=r"tar: expected \d+ bytes, found \d+; extract bag again"):
        open_dataset("shards", tmp_path / "out")
    shard.unlink()
    with pytest.raises(FileNotFoundError, match="tar is missing; extract bag again"):
        open_dataset("shards", tmp_path / "out")
    with pytest.raises(FileNotFoundError, match="expected a folder that `extract` has written"):
        open_dataset("shards", tmp_path)


def test_entries_travel_to_worker_processes(shards):
    entry = open_dataset("shards", shards)[0]
    np.testing.assert_array_equal(load_pair(pickle.loads(pickle.dumps(entry))).target, load_pair(entry).target)


def test_only_entries_of_shards_have_samples(data_folder):
    with pytest.raises(ValueError, match="expected an entry of the data set `shards`"):
        sample_of(open_dataset("manifest", data_folder)[0])


def test_a_recipe_names_them(shards):
    data = DataOptions(
        collections={"shards": Collection("train", folder=shards.name)},
        dev={"shards": Collection("dev", folder=shards.name)},
    )
    recipe = Recipe("fdkn", 8, data=data, crops=CropSettings(size=32))
    pair = open_source(recipe, shards.parent).draw(np.random.default_rng(0))
    assert pair.entry.dataset == "shards" and pair.target.shape == (48, 64)
    held = recordings(open_dataset("shards", shards, "dev"))
    assert recordings([pair.entry for pair in open_dev(recipe, shards.parent)]) == held


def test_recordings_can_be_split_in_time_with_a_gap(shards):
    train, held = (open_dataset("shards", shards, part, tail=0.4) for part in ("train", "dev"))
    assert recordings(train) == recordings(held) == recordings(open_dataset("shards", shards))
    for name, count in (("hall", 4), ("kitchen", 5), ("office", 6)):
        before = [int(e.view) for e in train if e.scene.startswith(name)]
        after = [int(e.view) for e in held if e.scene.startswith(name)]
        assert before == list(range(len(before))) and after == list(range(count - len(after), count))
        assert len(after) == 2 and before[-1] + 1 < after[0]


@pytest.mark.parametrize("tail", [-0.1, 1.0, 0.9])
def test_a_tail_that_leaves_nothing_is_refused(shards, tail):
    with pytest.raises(ValueError, match="expected tail|expected at least 3 frames"):
        open_dataset("shards", shards, "train", tail=tail)
