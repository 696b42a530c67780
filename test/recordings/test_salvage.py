import shutil

import apsw
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from depth_sr_ros.recordings.bag import BagRecording
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.recording import DamagedRecordingError, RecordingError
from depth_sr_ros.recordings.salvage import SalvagedBag, bag_files

COUNT, START, STEP = 12, 1_700_000_000_000_000_000, 33_000_000
RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (COUNT, 48, 64, 3), dtype=np.uint8)
DEPTH = RNG.integers(500, 4000, (COUNT, 48, 64), dtype=np.uint16)


def write_ros2(folder, storage):
    with BagWriter(folder, storage) as bag:
        for i in range(COUNT):
            bag.write_image("/rgb/image", START + i * STEP, "camera", COLOUR[i], "rgb8")
            bag.write_image("/depth_raw/image", START + i * STEP, "camera", DEPTH[i], "16UC1")
    return folder / f"{folder.name}.{storage}"


def write_ros1(path, compression=None):
    store = get_typestore(Stores.ROS1_NOETIC)
    image, header = store.types["sensor_msgs/msg/Image"], store.types["std_msgs/msg/Header"]
    writer = Ros1Writer(path)
    if compression:
        writer.set_compression(compression)
    with writer as bag:
        topics = {t: bag.add_connection(t, image.__msgtype__, typestore=store) for t in ("/rgb/image", "/depth/image")}
        for i in range(COUNT):
            stamp = store.types["builtin_interfaces/msg/Time"](sec=1_700_000_000, nanosec=i * STEP)
            for topic, pixels, encoding in (("/rgb/image", COLOUR[i], "rgb8"), ("/depth/image", DEPTH[i], "16UC1")):
                message = image(
                    header=header(seq=i, stamp=stamp, frame_id="camera"), height=48, width=64, encoding=encoding,
                    is_bigendian=0, step=pixels.strides[0], data=pixels.reshape(-1).view(np.uint8),
                )  # fmt: skip
                data = store.serialize_ros1(message, message.__msgtype__)
                bag.write(topics[topic], 1_700_000_000_000_000_000 + i * STEP, data)
    return path


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def images(recording):
    """How many images of each stream can be had; each must be the one that was written."""
    counts = {"colour": 0, "depth": 0}
    for frame in recording.frames():
        index = round((frame.stamp_ns - START) / STEP)
        np.testing.assert_array_equal(frame.load()[0], (COLOUR if frame.stream == "colour" else DEPTH)[index])
        counts[frame.stream] += 1
    return counts["colour"], counts["depth"]


@pytest.mark.parametrize("storage", ["mcap", "db3"])
def test_what_is_before_the_cut_can_be_had(tmp_path, storage):
    cut(write_ros2(tmp_path / "bag", storage), 0.6)
    with pytest.raises(DamagedRecordingError):
        list(BagRecording(tmp_path / "bag").frames())
    recording = BagRecording(tmp_path / "bag", salvage=True)
    colour, depth = images(recording)
    assert 5 <= colour <= 8 and 5 <= depth <= 8
    assert recording.losses and any("damaged" in note for note in recording.notes)


def test_messages_that_a_killed_recorder_left_in_the_log_of_the_database_are_missed_aloud(tmp_path):
    whole = write_ros2(tmp_path / "whole", "db3")
    (tmp_path / "killed").mkdir()
    path = tmp_path / "killed" / "killed.db3"
    recorder = apsw.Connection(str(whole))
    recorder.pragma("journal_mode", "wal")
    recorder.pragma("wal_autocheckpoint", 0)
    recorder.execute("DELETE FROM messages WHERE id > 18")
    recorder.pragma("wal_checkpoint", "TRUNCATE")
    write_ros2(tmp_path / "again", "db3")
    recorder.execute("ATTACH ? AS whole", (str(tmp_path / "again" / "again.db3"),))
    recorder.execute("INSERT INTO messages SELECT * FROM whole.messages WHERE id > 18")
    for end in ("", "-wal"):  # as it lies on the disk while the recorder still has it open
        shutil.copy(f"{whole}{end}", f"{path}{end}")
    with pytest.raises(DamagedRecordingError, match=r"killed\.db3-wal, \d+ bytes, which are not read"):
        BagRecording(path)
    recording = BagRecording(path, salvage=True)
    assert images(recording) == (9, 9)
    assert "wal_checkpoint(TRUNCATE)" in recording.losses[0]
    merging = apsw.Connection(str(path))
    merging.pragma("wal_checkpoint", "TRUNCATE")
    merging.close()
    assert images(BagRecording(path)) == (COUNT, COUNT)


@pytest.mark.parametrize(
    ("compression", "share", "least"),
    # of a block of bz2, 900 kB, nothing can be had before its end
    [(None, 0.6, 4), (Ros1Writer.CompressionFormat.LZ4, 0.6, 4), (Ros1Writer.CompressionFormat.BZ2, 0.999, COUNT)],
    ids=["plain", "lz4", "bz2"],
)
def test_a_ros1_bag_without_its_index_can_be_read(tmp_path, compression, share, least):
    path = write_ros1(tmp_path / "old.bag", compression)
    assert images(BagRecording(path)) == (COUNT, COUNT)
    cut(path, share)
    with pytest.raises(DamagedRecordingError):
        BagRecording(path)
    recording = BagRecording(path, salvage=True)
    assert min(images(recording)) >= least and "cut off" in " ".join(recording.losses)


@pytest.mark.parametrize("storage", ["mcap", "db3"])
def test_without_metadata_and_undamaged_everything_can_be_had(tmp_path, storage):
    write_ros2(tmp_path / "bag", storage)
    (tmp_path / "bag" / "metadata.yaml").unlink()
    recording = BagRecording(tmp_path / "bag", salvage=True)
    assert images(recording) == (COUNT, COUNT) and recording.losses == ()


@pytest.mark.parametrize("storage", ["mcap", "db3"])
def test_a_hole_in_the_middle_loses_no_more_than_it_covers(tmp_path, storage):
    path = write_ros2(tmp_path / "bag", storage)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xee" * 20_000
    path.write_bytes(data)
    salvaged = SalvagedBag(path)
    assert salvaged.losses
    # images whose bytes were overwritten inside a row of a database cannot be told from others
    assert sum(topic.msgcount for topic in salvaged.connections) >= (COUNT if storage == "db3" else 0)


def test_a_chunk_with_a_wrong_checksum_is_left_out(tmp_path):
    path = write_ros2(tmp_path / "bag", "mcap")
    data, at = bytearray(path.read_bytes()), 8
    while data[at] != 0x06:
        at += 9 + int.from_bytes(data[at + 1 : at + 9], "little")
    data[at + 9 + 24] = 1  # the writer leaves the checksum out, which is a 0 there
    path.write_bytes(data)
    with pytest.raises(DamagedRecordingError, match="checksum"):
        list(BagRecording(path).frames())
    salvaged = SalvagedBag(path)
    assert salvaged.connections == [] and f"chunk at byte {at} has a wrong checksum" in salvaged.losses[0]


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_chunks_are_read_as_far_as_they_go(tmp_path, compression):
    from depth_sr_ros.recordings import bag_records

    block = bytes(1000) + RNG.bytes(100_000)
    packed = bag_records.lz4.frame.compress(block) if compression == "lz4" else bag_records.zstd.compress(block)
    assert bag_records._decompressed(packed, compression) == block
    part = bag_records._decompressed(packed[: len(packed) * 3 // 4], compression)
    assert block.startswith(part) and (len(part) > 0 or compression == "lz4")


def test_messages_compressed_one_by_one_are_read(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    write_ros2(tmp_path / "plain", "db3")
    writer = Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    plain = SalvagedBag(tmp_path / "plain")
    with writer:
        topics = {c: writer.add_connection(c.topic, c.msgtype, typestore=store) for c in plain.connections}
        for connection, recorded_ns, data in plain.messages(plain.connections):
            writer.write(topics[connection], recorded_ns, data)
    assert images(BagRecording(tmp_path / "bag", salvage=True)) == (COUNT, COUNT)


@pytest.mark.parametrize("suffix", ["mcap", "db3", "bag"])
@pytest.mark.parametrize(
    "content", [b"", b"\0" * 500, b"\x89MCAP0\r\n\x06" + b"\xff" * 100, b"#ROSBAG V2.0\n" + b"\xff" * 99]
)
def test_files_that_are_no_bags_give_nothing_and_say_so(tmp_path, suffix, content):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    salvaged = SalvagedBag(path)
    assert salvaged.connections == [] and salvaged.losses
    with pytest.raises(RecordingError, match="expected image topics"):
        BagRecording(path, salvage=True)


def test_files_of_a_folder_come_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 0):
        (tmp_path / f"bag_{number}.mcap").touch()
    assert [path.name for path in bag_files(tmp_path)] == ["bag_0.mcap", "bag_9.mcap", "bag_10.mcap"]
