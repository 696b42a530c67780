import json
import tarfile

import cv2
import numpy as np
import pytest

from training.extraction.bag_pairs import BagPair
from training.extraction.shards import ShardWriteError, ShardWriter, depth_units, sample_files


@pytest.fixture
def pair(scene):
    rgb, depth = scene.frame(0)
    metres = np.where(depth > 0, depth / np.float32(1000), np.nan).astype(np.float32)
    return BagPair(rgb, None, metres, scene.CAMERA, scene.CAMERA, (5, 7))


def test_a_sample_holds_the_frame(pair):
    files = sample_files(pair, 0.001, {"bag": "abc"})
    assert sorted(files) == ["calibration.json", "depth.png", "provenance.json", "rgb.png", "valid.png"]
    decoded = {n: cv2.imdecode(np.frombuffer(files[n], np.uint8), cv2.IMREAD_UNCHANGED) for n in files if "png" in n}
    np.testing.assert_array_equal(decoded["rgb.png"][..., ::-1], pair.rgb)
    assert decoded["depth.png"].dtype == np.uint16
    np.testing.assert_array_equal(decoded["depth.png"] > 0, np.isfinite(pair.depth))
    np.testing.assert_array_equal(decoded["valid.png"], np.where(np.isfinite(pair.depth), 255, 0))
    calibration = json.loads(files["calibration.json"])
    assert calibration["depth_unit_m"] == 0.001 and calibration["colour_camera"]["fx"] == 60.0


def test_jpeg_is_kept_as_it_is(pair):
    data = cv2.imencode(".jpg", pair.rgb)[1].tobytes()
    files = sample_files(BagPair(pair.rgb, data, pair.depth, None, None, (5, 7)), 0.001, {})
    assert files["rgb.jpg"] == data and "rgb.png" not in files
    assert json.loads(files["calibration.json"])["colour_camera"] is None


@pytest.mark.parametrize(
    ("metres", "unit", "stored"),
    [
        (1.2346, 0.001, 1235),
        (np.nan, 0.001, 0),
        (0.0004, 0.001, 0),
        (65.5, 0.001, 65500),
        (70.0, 0.001, 0),
        (3.0, 0.0001, 30000),
        (7.0, 0.0001, 0),
    ],
)
def test_depth_in_whole_units(metres, unit, stored):
    assert depth_units(np.array([[metres]], np.float32), unit)[0, 0] == stored


def test_shards_are_the_same_in_every_run_and_of_limited_length(tmp_path):
    files = {"b.txt": b"two", "a.txt": b"one"}
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        writer = ShardWriter(tmp_path / run, "stem", 2)
        for _ in range(5):
            writer.add(files)
        shards = writer.close()
    assert [(s.name, s.samples) for s in shards] == [(f"stem-0000{n}.tar", count) for n, count in enumerate([2, 2, 1])]
    for shard in shards:
        first, second = (tmp_path / run / shard.name for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes() and first.stat().st_size == shard.bytes
    with tarfile.open(tmp_path / "first" / "stem-00001.tar") as tar:
        members = tar.getmembers()
    assert [m.name for m in members][:2] == ["stem-000002.a.txt", "stem-000002.b.txt"]
    assert {(m.mtime, m.uid, m.gid, m.mode) for m in members} == {(0, 0, 0, 0o644)}


def test_webdataset_reads_them(tmp_path, pair):
    webdataset = pytest.importorskip("webdataset", reason="reads shards as others will; pip install webdataset")
    writer = ShardWriter(tmp_path, "kitchen-1234abcd", 10)
    for number in range(3):
        writer.add(sample_files(pair, 0.001, {"pair": number}))
    (shard,) = writer.close()
    samples = list(webdataset.WebDataset(str(tmp_path / shard.name), shardshuffle=False))
    assert [s["__key__"] for s in samples] == [f"kitchen-1234abcd-{n:06d}" for n in range(3)]
    assert json.loads(samples[2]["provenance.json"]) == {"pair": 2}
    assert cv2.imdecode(np.frombuffer(samples[0]["rgb.png"], np.uint8), 1).shape == pair.rgb.shape


def test_a_folder_that_cannot_be_written_is_said_to_be_so(tmp_path):
    writer = ShardWriter(tmp_path / "gone", "stem", 2)
    with pytest.raises(ShardWriteError, match="expected room for a shard, found: No such file or directory"):
        writer.add({"a.txt": b"one"})


def test_stems_must_not_split_keys(tmp_path):
    with pytest.raises(ValueError, match="stem without dots"):
        ShardWriter(tmp_path, "kitchen.v2", 2)
