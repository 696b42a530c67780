import struct

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer

from depth_sr_ros.cameras.camera import Camera, Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.cameras.lens import Lens
from depth_sr_ros.cameras.relation import named_registered
from depth_sr_ros.recordings.bag import BagRecording
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.opening import open_recording
from depth_sr_ros.recordings.recording import RecordingError, Streams, pair_frames

CAMERA = Intrinsics(32, 24, 30.0, 31.0, 15.5, 12.0)
START = 1_700_000_000_123_456_789
STEP = 100_000_000
RNG = np.random.default_rng(3)
COLOUR = RNG.integers(0, 256, (3, 24, 32, 3), dtype=np.uint8)
DEPTH = RNG.integers(500, 4000, (3, 24, 32), dtype=np.uint16)


def write_rgbd(bag, colour="/camera/color/image_raw", depth="/camera/aligned_depth_to_color/image_raw", info=True):
    for index in range(3):
        stamp = START + index * STEP
        bag.write_image(colour, stamp, "camera", COLOUR[index], "rgb8")
        bag.write_image(depth, stamp + 7, "camera", DEPTH[index], "16UC1")
        if info:
            bag.write_camera_info(f"{colour.rpartition('/')[0]}/camera_info", stamp, "camera", CAMERA)


def loaded(recording, stream):
    return np.stack([frame.load()[0] for frame in recording.frames() if frame.stream == stream])


@pytest.mark.parametrize(
    ("topic", "registered"),
    [
        ("/camera/aligned_depth_to_color/image_raw", True),
        ("/depth_registered/image", True),
        ("/k4a/depth_to_rgb/image_raw", True),
        ("/run_aligned/depth", True),
        ("/depth_raw/image", False),
        ("/depth_unregistered/image", False),
        ("/un_registered/depth", False),
        ("/depth/not-aligned", False),
    ],
)
def test_a_name_says_whether_depth_is_registered(topic, registered):
    assert named_registered(topic) == registered


@pytest.mark.parametrize("storage", ["mcap", "db3"])
@pytest.mark.parametrize("as_file", [False, True], ids=["folder", "file"])
def test_reads_back_what_was_written(tmp_path, storage, as_file):
    with BagWriter(tmp_path / "bag", storage) as bag:
        write_rgbd(bag)
    recording = open_recording(tmp_path / "bag" / f"bag.{storage}" if as_file else tmp_path / "bag")
    frames = list(recording.frames())
    assert [f.stream for f in frames] == ["colour", "depth"] * 3
    assert [f.stamp_ns - START for f in frames] == [0, 7, STEP, STEP + 7, 2 * STEP, 2 * STEP + 7]
    assert {f.frame_id for f in frames} == {"camera"}
    assert frames[0].intrinsics == CAMERA
    np.testing.assert_array_equal(loaded(recording, "colour"), COLOUR)
    np.testing.assert_array_equal(loaded(recording, "depth"), DEPTH)
    assert recording.depth_count == 3 and recording.rate_hz == pytest.approx(10, rel=1e-3)


def test_depth_without_camera_info_takes_that_of_the_colour_camera(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        write_rgbd(bag)
    recording = BagRecording(tmp_path / "bag")
    assert [f.intrinsics for f in recording.frames() if f.stream == "depth"] == [CAMERA] * 3
    assert any("camera_info for depth" in note for note in recording.notes)


def test_metric_depth_and_bgr_colour_come_through(tmp_path):
    metres = np.where(DEPTH[0] > 1000, DEPTH[0] / np.float32(1000), np.float32(np.nan)).astype(np.float32)
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_image("/rgb/image", START, "c", COLOUR[0, ..., ::-1], "bgr8")
        bag.write_image("/depth/image", START, "c", metres, "32FC1")
    colour, depth = BagRecording(tmp_path / "bag").frames()
    np.testing.assert_array_equal(colour.load()[0], COLOUR[0])
    pixels, encoding = depth.load()
    assert encoding == "32FC1"
    np.testing.assert_array_equal(pixels, metres)


def test_compressed_streams_are_decoded(tmp_path):
    png = cv2.imencode(".png", COLOUR[0, ..., ::-1])[1].tobytes()
    depth = struct.pack("<iff", 0, 0.0, 0.0) + cv2.imencode(".png", DEPTH[0])[1].tobytes()
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_compressed("/rgb/image/compressed", START, "c", png, "rgb8; png compressed bgr8")
        bag.write_compressed("/depth/image/compressedDepth", START, "c", depth, "16UC1; compressedDepth png")
        bag.write_camera_info("/rgb/camera_info", START, "c", CAMERA)
    colour, deep = BagRecording(tmp_path / "bag").frames()
    assert colour.intrinsics == CAMERA
    np.testing.assert_array_equal(colour.load()[0], COLOUR[0])
    np.testing.assert_array_equal(deep.load()[0], DEPTH[0])


def test_compressed_metric_depth_is_unquantised(tmp_path):
    scale, offset = 20.0, 2.0
    metres = (0.5 + np.arange(24 * 32, dtype=np.float32).reshape(24, 32) / 100).astype(np.float32)
    values = np.round(scale * 100 / metres + offset).astype(np.uint16)
    values[0, 0] = 0
    data = struct.pack("<iff", 1, scale * 100, offset) + cv2.imencode(".png", values)[1].tobytes()
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_image("/rgb/image", START, "c", COLOUR[0], "rgb8")
        bag.write_compressed("/depth/image/compressedDepth", START, "c", data, "32FC1; compressedDepth png")
    depth = next(f for f in BagRecording(tmp_path / "bag").frames() if f.stream == "depth").metres()
    assert np.isnan(depth[0, 0])
    # one step of the inverse depth is metres^2 / A
    assert np.nanmax(np.abs(depth - metres) / metres**2) <= 0.51 / (scale * 100)


def test_asks_which_topic_when_several_fit(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        for camera in ("/front", "/back"):
            write_rgbd(bag, f"{camera}/rgb/image", f"{camera}/depth/image")
    with pytest.raises(RecordingError, match="more than one colour topic.*--rgb"):
        BagRecording(tmp_path / "bag")
    chosen = BagRecording(tmp_path / "bag", Streams("/back/rgb/image", "/back/depth/image"))
    assert next(chosen.frames()).intrinsics == CAMERA


def test_refuses_a_topic_that_is_not_there(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        write_rgbd(bag)
    with pytest.raises(RecordingError, match="no images on '/depth'.*aligned_depth_to_color"):
        BagRecording(tmp_path / "bag", Streams(depth="/depth"))


def test_refuses_an_empty_bag(tmp_path):
    with BagWriter(tmp_path / "bag"):
        pass
    with pytest.raises(RecordingError, match="expected (image topics|a readable bag)"):
        open_recording(tmp_path / "bag")


def test_refuses_a_bag_without_images_and_says_what_it_has(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_camera_info("/rgb/camera_info", START, "c", CAMERA)
    with pytest.raises(RecordingError, match="/rgb/camera_info"):
        open_recording(tmp_path / "bag")


@pytest.mark.parametrize("storage", ["mcap", "db3"])
def test_refuses_a_damaged_bag(tmp_path, storage):
    with BagWriter(tmp_path / "bag", storage) as bag:
        write_rgbd(bag)
    path = tmp_path / "bag" / f"bag.{storage}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(RecordingError, match="bag"):
        for frame in open_recording(tmp_path / "bag").frames():
            frame.load()


def test_an_unfinished_bag_never_gets_its_name(tmp_path):
    with pytest.raises(KeyError), BagWriter(tmp_path / "bag") as bag:
        write_rgbd(bag)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites_a_bag(tmp_path):
    (tmp_path / "bag").mkdir()
    with pytest.raises(RecordingError, match="exists already"):
        BagWriter(tmp_path / "bag")


COLOUR_TOPIC, DEPTH_TOPIC = "/camera/color/image_raw", "/camera/aligned_depth_to_color/image_raw"
INFO_TOPIC = "/camera/color/camera_info"


def damaged_bag(tmp_path, topic, damaged, keep, info=True):
    """A bag of three pairs with the messages `damaged` of a topic cut off after `keep` bytes."""
    with BagWriter(tmp_path / "whole") as bag:
        write_rgbd(bag, info=info)
    counts = dict.fromkeys((COLOUR_TOPIC, DEPTH_TOPIC, INFO_TOPIC), 0)
    storage = StoragePlugin.MCAP
    with AnyReader([tmp_path / "whole"]) as whole, Writer(tmp_path / "cut", version=9, storage_plugin=storage) as cut:
        copies = {c.id: cut.add_connection(c.topic, c.msgtype, typestore=whole.typestore) for c in whole.connections}
        for connection, recorded_ns, data in whole.messages():
            spoilt = connection.topic == topic and counts[topic] in damaged
            # what a recorder adds between exposure and disk
            cut.write(copies[connection.id], recorded_ns + 5_000_000, data[:keep] if spoilt else data)
            counts[connection.topic] += 1
    return BagRecording(tmp_path / "cut")


@pytest.mark.parametrize("keep", [500, 30, 3], ids=["pixels cut off", "size lost", "header lost"])
@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("topic", [COLOUR_TOPIC, DEPTH_TOPIC])
def test_a_truncated_message_spoils_only_its_own_frame(tmp_path, topic, index, keep):
    recording = damaged_bag(tmp_path, topic, [index], keep)
    pairs = list(pair_frames(recording.frames(), 1000))
    assert [(c.stamp_ns - START, d.stamp_ns - START) for c, d in pairs] == [(i * STEP, i * STEP + 7) for i in range(3)]
    frame = pairs.pop(index)[0 if topic == COLOUR_TOPIC else 1]
    with pytest.raises(FrameError, match=f"{topic}: expected a whole .*found {keep} damaged bytes") as refused:
        frame.load()
    assert refused.value.cause == "unreadable"
    whole = [i for i in range(3) if i != index]
    np.testing.assert_array_equal([colour.load()[0] for colour, _ in pairs], COLOUR[whole])
    np.testing.assert_array_equal([depth.load()[0] for _, depth in pairs], DEPTH[whole])


def test_a_truncated_first_image_does_not_hide_the_size_of_the_others(tmp_path):
    recording = damaged_bag(tmp_path, DEPTH_TOPIC, [0], 500)
    assert {frame.intrinsics for frame in recording.frames()} == {CAMERA}
    given = BagRecording(tmp_path / "cut", Streams(intrinsics=(30.0, 31.0, 15.5, 12.0)))
    assert next(given.frames()).intrinsics == CAMERA


def test_a_truncated_camera_info_is_passed_over(tmp_path):
    assert next(damaged_bag(tmp_path, INFO_TOPIC, [0], 40).frames()).intrinsics == CAMERA


def test_a_topic_of_nothing_but_damage_is_refused_by_name(tmp_path):
    with pytest.raises(RecordingError, match=f"no usable message on {DEPTH_TOPIC}.*expected a whole"):
        damaged_bag(tmp_path, DEPTH_TOPIC, range(3), 500)


def test_rectified_images_go_by_the_projection_matrix(tmp_path):
    bent = Lens("plumb_bob", (0.1, -0.2, 0.0, 0.0, 0.05))
    for name, lens in (("image_raw", bent), ("image_rect_color", Lens())):
        with BagWriter(tmp_path / name) as bag:
            write_rgbd(bag, colour=f"/camera/color/{name}", info=False)
            bag.write_camera_info("/camera/color/camera_info", START, "camera", CAMERA, bent)
        found = BagRecording(tmp_path / name).evidence()
        assert found.colour == Camera(CAMERA, lens) and found.colour_size == (24, 32)


def test_a_unit_of_depth_may_be_given(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        write_rgbd(bag)
    frames = BagRecording(tmp_path / "bag", Streams(depth_unit=0.0001)).frames()
    np.testing.assert_allclose(next(f for f in frames if f.stream == "depth").metres(), DEPTH[0] * 0.0001, rtol=1e-6)
