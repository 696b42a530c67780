import json
import shutil

import cv2
import pytest

from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.recording import RecordingError
from training.extraction import bag_task, manifest, run
from training.extraction.bag_pairs import BagOptions
from training.extraction.bag_task import ExtractionOptions
from training.extraction.manifest import Manifest
from training.extraction.run import extract, find_bags
from training.extraction.selection import SelectionOptions

SMALL = ExtractionOptions(shard_samples=5)


def silently(bags, out, **options):
    return extract([bags], out, options.pop("options", SMALL), say=lambda text: None, **options)


@pytest.fixture
def own_bags(bags, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(bags, tmp_path / "bags")


def test_bags_become_shards_a_manifest_and_sheets(bags, tmp_path, scene):
    result = silently(bags, tmp_path / "out")
    written = Manifest.read(tmp_path / "out")
    assert result.samples == 24 and not result.failures
    assert {record.name for record in written.bags.values()} == {"kitchen", "office"}
    for record in written.bags.values():
        assert [s.samples for s in record.shards] == [5, 5, 2] and record.counts["kept"] == record.counts["pairs"] == 12
        assert record.topics == {"colour": scene.COLOUR_TOPIC, "depth": scene.DEPTH_TOPIC}
        assert record.sizes == {"colour": (64, 48), "depth": (64, 48)}
        assert cv2.imread(str(tmp_path / "out" / record.sheet)).shape[1] > 1000
        assert record.bag == manifest.hash_bag(bags / record.name)
    assert not (tmp_path / "out" / ".work").exists()


def test_runs_are_the_same_byte_for_byte(bags, tmp_path, scene):
    silently(bags, tmp_path / "first")
    silently(bags, tmp_path / "second")
    assert scene.tree(tmp_path / "first") == scene.tree(tmp_path / "second")


def test_a_second_run_does_nothing_twice(bags, tmp_path, monkeypatch):
    silently(bags, tmp_path / "out")
    for work in ("extract_bag", "hash_bag"):
        monkeypatch.setattr(f"training.extraction.workers.{work}", lambda *_: pytest.fail("did work twice"))
    result = silently(bags, tmp_path / "out")
    assert result.extracted == () and result.skipped == 2 and result.samples == 24


def test_a_new_bag_is_added_to_the_others(own_bags, tmp_path, scene):
    silently(own_bags, tmp_path / "out")
    scene.write_scene(own_bags / "hall", 6, seed=5)
    result = silently(own_bags, tmp_path / "out")
    assert [record.name for record in result.extracted] == ["hall"] and result.samples == 30


def test_the_same_bag_twice_counts_once(own_bags, tmp_path):
    (own_bags / "copy").mkdir()
    for file in (own_bags / "kitchen").iterdir():
        (own_bags / "copy" / file.name).write_bytes(file.read_bytes())
    said = []
    result = extract([own_bags], tmp_path / "out", SMALL, say=said.append)
    assert result.samples == 24 and result.skipped == 1
    assert any("kitchen: has the same content as" in text for text in said)


def test_other_options_need_another_folder(bags, tmp_path):
    silently(bags, tmp_path / "out")
    with pytest.raises(ValueError, match="was extracted with shard_samples 5, now requested: shard_samples 6"):
        silently(bags, tmp_path / "out", options=ExtractionOptions(shard_samples=6))


def test_a_lost_shard_is_made_again(bags, tmp_path, scene):
    silently(bags, tmp_path / "out")
    before = scene.tree(tmp_path / "out")
    lost = next((tmp_path / "out").glob("kitchen*-00001.tar"))
    lost.unlink()
    assert len(silently(bags, tmp_path / "out").extracted) == 1
    assert scene.tree(tmp_path / "out") == before


def test_two_runs_cannot_share_a_folder(bags, tmp_path):
    (tmp_path / "out").mkdir()
    with (
        manifest.locked(tmp_path / "out"),
        pytest.raises(ValueError, match="another run is using it"),
    ):
        silently(bags, tmp_path / "out")


def test_one_bad_bag_does_not_stop_the_others(own_bags, tmp_path, scene):
    with BagWriter(own_bags / "blind") as bag:
        bag.write_image("/rgb/image", scene.START, "camera", scene.frame(0)[0], "rgb8")
    with BagWriter(own_bags / "apart") as bag:
        scene.write_pair(bag, 0, *scene.frame(0), offset_ns=10**9)
    (own_bags / "torn.mcap").write_bytes(b"\x89MCAP0\r\n" + bytes(100))
    result = silently(own_bags, tmp_path / "out")
    assert result.samples == 24 and len(result.failures) == 3
    said = " | ".join(failure.message for failure in result.failures)
    assert "expected a depth image topic" in said and "raise --slop-s" in said and "expected a readable bag" in said
    assert len(Manifest.read(tmp_path / "out").bags) == 2


def test_whatever_a_library_raises_on_one_bag_the_others_go_on(bags, tmp_path, monkeypatch):
    sample_files = bag_task.sample_files

    def failing(pair, unit, provenance):
        if provenance["recording"] == "kitchen":
            raise MemoryError("no 40 GB left")
        return sample_files(pair, unit, provenance)

    monkeypatch.setattr(bag_task, "sample_files", failing)
    result = silently(bags, tmp_path / "out")
    assert [record.name for record in result.extracted] == ["office"]
    (failure,) = result.failures
    assert failure.path.name == "kitchen" and "found: MemoryError: no 40 GB left" in failure.message
    assert not list((tmp_path / "out").glob("kitchen*"))


def test_a_bag_without_a_frame_to_keep_says_why(tmp_path, scene):
    rgb, depth = scene.frame(0)
    depth[:, 3:] = 0
    with BagWriter(tmp_path / "bag") as bag:
        scene.write_pair(bag, 0, rgb, depth)
    (failure,) = silently(tmp_path / "bag", tmp_path / "out").failures
    assert "expected frames to keep, found 1 pairs: 1 few valid" in failure.message
    with BagWriter(tmp_path / "bag2") as bag:
        scene.write_pair(bag, 0, rgb, depth * 0)
    (failure,) = silently(tmp_path / "bag2", tmp_path / "out").failures
    assert "1 depth: all_invalid" in failure.message and "is the sensor covered?" in failure.message


@pytest.mark.parametrize("empty", ["all_invalid", "few valid"])
def test_one_unusable_depth_image_does_not_cost_the_recording_of_a_standing_robot(tmp_path, scene, empty):
    rgb, depth = scene.frame(0)
    unusable = depth * 0
    if empty == "few valid":
        unusable[:, :3] = 2000
    with BagWriter(tmp_path / "bag") as bag:
        for number in range(4):
            scene.write_pair(bag, number, rgb, depth if number else unusable)
    (record,) = silently(tmp_path / "bag", tmp_path / "out").extracted
    assert (record.counts["kept"], record.counts["duplicate"]) == (1, 2)


def test_a_damaged_bag_gives_what_is_left_and_the_manifest_says_so(tmp_path, scene):
    path = scene.write_scene(tmp_path / "bag", 24, "db3") / "bag.db3"
    data = bytearray(path.read_bytes())
    behind = len(data) * 4 // 5
    data[behind : behind + 9000] = b"\xee" * 9000
    path.write_bytes(data)
    said = []
    result = extract([tmp_path / "bag"], tmp_path / "out", SMALL, say=said.append)
    (record,) = result.extracted
    assert 20 <= record.samples < 24 and any("damaged" in note for note in record.notes)
    assert any("damaged pages" in text for text in said)


def test_leftovers_of_a_killed_run_are_cleared(bags, tmp_path):
    left = tmp_path / "out" / ".work" / "12345678-host-1-abc"
    left.mkdir(parents=True)
    (left / "kitchen-00000.tar").write_bytes(b"half")
    silently(bags, tmp_path / "out")
    assert not (tmp_path / "out" / ".work").exists()


@pytest.mark.parametrize("text", ["", "{", '{"format": 99, "options": {}, "bags": []}', '{"format": 1}'])
def test_a_damaged_manifest_is_refused(bags, tmp_path, text):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match="expected a manifest of format 1.*extract into a new folder"):
        silently(bags, tmp_path / "out")


def test_a_damaged_hash_cache_is_an_empty_one(bags, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".hashes.json").write_text("[")
    assert silently(bags, tmp_path / "out").samples == 24
    assert len(json.loads((tmp_path / "out" / ".hashes.json").read_text())) == 2


def test_bags_are_found_below_folders(tmp_path, scene):
    scene.write_scene(tmp_path / "day1" / "kitchen", 1)
    killed = scene.write_scene(tmp_path / "day1" / "killed", 1)
    (killed / "metadata.yaml").unlink()
    (killed / "killed.mcap").rename(killed / "killed_0.mcap")
    (tmp_path / "loose").mkdir()
    for name in ("a.bag", "b.mcap", "notes.txt"):
        (tmp_path / "loose" / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in find_bags([tmp_path])]
    assert found == ["day1/killed", "day1/kitchen", "loose/a.bag", "loose/b.mcap"]
    with pytest.raises(RecordingError, match="expected a bag .*found nothing there"):
        find_bags([tmp_path / "elsewhere"])
    with pytest.raises(RecordingError, match="found none in it"):
        find_bags([tmp_path / "loose" / "notes.txt"])


@pytest.mark.parametrize("wrong", [{"least_valid": 2}, {"depth_unit_m": 0}, {"shard_samples": 0}])
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="extraction: expected"):
        ExtractionOptions(**wrong)


def test_options_of_all_kinds_go_through_the_manifest(bags, tmp_path):
    options = ExtractionOptions(BagOptions(slop_s=0.03), SelectionOptions(least_change=0))
    silently(bags, tmp_path / "out", options=options)
    assert silently(bags, tmp_path / "out", options=options).skipped == 2
    assert run.summary(next(iter(Manifest.read(tmp_path / "out").bags.values()))).startswith("12 colour messages")
