import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.typesys import Stores, get_typestore

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.recordings.bag_writer import BagWriter
from depth_sr_ros.recordings.recording import DamagedRecordingError, RecordingError, Streams
from training.extraction.bag_pairs import Bag, BagOptions


def metres(raw):
    return np.where(raw > 0, raw / np.float32(1000), np.nan).astype(np.float32)


@pytest.mark.parametrize("storage", ["mcap", "db3"])
def test_pairs_of_a_bag(tmp_path, scene, storage):
    bag = Bag(scene.write_scene(tmp_path / "kitchen", 3, storage))
    pairs = list(bag.pairs())
    assert bag.name == "kitchen" and bag.topics == {"colour": "/rgb/image", "depth": "/depth_raw/image"}
    assert [pair.stamps_ns[0] for pair in pairs] == [scene.START + i * scene.STEP for i in range(3)]
    for number, pair in enumerate(pairs):
        rgb, depth = scene.frame(number * 2.0)
        np.testing.assert_array_equal(pair.rgb, rgb)
        np.testing.assert_allclose(pair.depth, metres(depth))
    assert pairs[0].colour_camera == pairs[0].depth_camera == scene.CAMERA and pairs[0].jpeg is None
    assert bag.report.messages == {"colour": 3, "depth": 3} and bag.report.pairs == 3 and not bag.report.unusable


COLOURS = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA),
    "bgra8": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2BGRA),
    "mono8": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY),
    "yuv422": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_UYVY),
    "yuv422_yuy2": lambda rgb: cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_YUY2),
}


@pytest.mark.parametrize(
    ("encoding", "depth_encoding"), [*((name, "16UC1") for name in COLOURS), ("rgb8", "mono16"), ("rgb8", "32FC1")]
)
def test_raw_encodings(tmp_path, scene, encoding, depth_encoding):
    rgb, depth = scene.frame(0)
    stored = metres(depth) if depth_encoding == "32FC1" else depth
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_image("/rgb/image", scene.START, "camera", COLOURS[encoding](rgb), encoding)
        bag.write_image("/depth_registered/image", scene.START, "camera", stored, depth_encoding)
    (pair,) = Bag(tmp_path / "bag", BagOptions(Streams("/rgb/image", "/depth_registered/image"))).pairs()
    expected = np.repeat(COLOURS["mono8"](rgb)[..., None], 3, 2) if encoding == "mono8" else rgb
    # YUV halves the resolution of colour
    far = np.abs(pair.rgb.astype(int) - expected).mean()
    assert far < (12 if encoding.startswith("yuv") else 0.001)
    np.testing.assert_allclose(pair.depth, metres(depth))


def encode_rvl(values):
    """The code of the paper, nibble by nibble."""
    numbers, previous = [], 0
    flat = values.reshape(-1).astype(int).tolist()
    while flat:
        zeros = next((i for i, v in enumerate(flat) if v), len(flat))
        flat = flat[zeros:]
        run = next((i for i, v in enumerate(flat) if not v), len(flat))
        numbers += [zeros, run]
        for value in flat[:run]:
            step, previous = value - previous, value
            numbers.append(2 * step if step >= 0 else -2 * step - 1)
        flat = flat[run:]
    nibbles = []
    for number in numbers:
        digits = np.base_repr(number, 8)[::-1]
        nibbles += [int(digit) | 8 for digit in digits[:-1]] + [int(digits[-1])]
    nibbles += [0] * (-len(nibbles) % 8)
    words = np.array(nibbles, np.uint32).reshape(-1, 8) @ (16 ** np.arange(7, -1, -1, dtype=np.uint64))
    return np.array(values.shape[::-1], "<u4").tobytes() + words.astype("<u4").tobytes(), "rvl"


def encode_png(values):
    return cv2.imencode(".png", values)[1].tobytes(), "png"


@pytest.mark.parametrize("encode", [encode_png, encode_rvl], ids=["png", "rvl"])
@pytest.mark.parametrize("metric", [False, True], ids=["16UC1", "32FC1"])
@pytest.mark.parametrize("colour", ["jpeg", "png"])
def test_compressed_encodings(tmp_path, scene, encode, metric, colour):
    rgb, depth = scene.frame(0)
    data = cv2.imencode(f".{colour}", rgb[..., ::-1])[1].tobytes()
    packed, description = scene.compressed_depth(metres(depth) if metric else depth, encode)
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_compressed("/rgb/image/compressed", scene.START, "camera", data, f"rgb8; {colour} compressed bgr8")
        bag.write_compressed("/depth/image/compressedDepth", scene.START, "camera", packed, description)
    (pair,) = Bag(tmp_path / "bag").pairs()
    assert np.abs(pair.rgb.astype(int) - rgb).mean() < (10 if colour == "jpeg" else 0.001)
    assert pair.jpeg == (data if colour == "jpeg" else None)
    np.testing.assert_array_equal(np.isnan(pair.depth), depth == 0)
    np.testing.assert_allclose(pair.depth, metres(depth), rtol=0.001 if metric else 1e-6)


def test_bags_of_ros_1(tmp_path, scene):
    store = get_typestore(Stores.ROS1_NOETIC)
    image, header = store.types["sensor_msgs/msg/Image"], store.types["std_msgs/msg/Header"]
    with Ros1Writer(tmp_path / "old.bag") as bag:
        topics = {t: bag.add_connection(t, image.__msgtype__, typestore=store) for t in ("/rgb/image", "/depth/image")}
        for number in range(3):
            rgb, depth = scene.frame(number)
            stamp = store.types["builtin_interfaces/msg/Time"](sec=1_700_000_000, nanosec=number * scene.STEP)
            for topic, pixels, encoding in (("/rgb/image", rgb, "rgb8"), ("/depth/image", depth, "16UC1")):
                message = image(
                    header=header(seq=number, stamp=stamp, frame_id="camera"), height=48, width=64, encoding=encoding,
                    is_bigendian=0, step=pixels.strides[0], data=pixels.reshape(-1).view(np.uint8),
                )  # fmt: skip
                bag.write(topics[topic], scene.START + number, store.serialize_ros1(message, message.__msgtype__))
    bag = Bag(tmp_path / "old.bag")
    pairs = list(bag.pairs())
    assert bag.name == "old" and len(pairs) == 3
    np.testing.assert_array_equal(pairs[2].rgb, scene.frame(2)[0])


def test_what_sensors_write_for_nothing_is_no_distance(tmp_path, scene):
    rgb, depth = scene.frame(0)
    depth[30:, 40:] = 65535
    with BagWriter(tmp_path / "bag") as bag:
        scene.write_pair(bag, 0, rgb, depth)
    (pair,) = Bag(tmp_path / "bag").pairs()
    assert np.isnan(pair.depth[30:, 40:]).all() and np.nanmax(pair.depth) == pytest.approx(2.5)


def test_pairs_by_nearest_stamp_within_the_slop(tmp_path, scene):
    with BagWriter(tmp_path / "bag") as bag:
        for number, offset in enumerate([5_000_000, 30_000_000, -5_000_000]):
            scene.write_pair(bag, number * 3, *scene.frame(number), offset_ns=offset)
    bag = Bag(tmp_path / "bag")
    assert [b - a for a, b in (pair.stamps_ns for pair in bag.pairs())] == [5_000_000, -5_000_000]
    assert bag.report.unmatched == {"colour": 1, "depth": 1}
    assert len(list(Bag(tmp_path / "bag", BagOptions(slop_s=0.05)).pairs())) == 3


def test_unusable_messages_are_counted_by_cause_and_passed_over(tmp_path, scene):
    rgb, depth = scene.frame(0)
    with BagWriter(tmp_path / "bag") as bag:
        scene.write_pair(bag, 0, rgb, depth)
        scene.write_pair(bag, 1, rgb, np.zeros_like(depth))
        scene.write_pair(bag, 2, rgb, depth[:, :20].copy())
        scene.write_pair(bag, 3, rgb[..., :2].copy(), depth)
        scene.write_pair(bag, 4, rgb, depth)
    bag = Bag(tmp_path / "bag")
    assert len(list(bag.pairs())) == 2
    assert bag.report.unusable == {"depth: all_invalid": 1, "depth: size": 1, "colour: data_length": 1}
    assert "different aspect ratios" in bag.report.examples["depth: size"]


def test_selection_sees_colour_and_spares_the_depth_of_others(tmp_path, scene):
    rgb, depth = scene.frame(0)
    with BagWriter(tmp_path / "bag") as bag:
        for number in range(3):
            scene.write_pair(bag, number, rgb, np.zeros_like(depth) if number == 1 else depth)
    bag = Bag(tmp_path / "bag")
    assert len(list(bag.pairs(lambda found: (c for i, c in enumerate(found) if i != 1)))) == 2
    assert bag.report.pairs == 3 and not bag.report.unusable


def test_the_empty_bag_is_refused(tmp_path):
    with BagWriter(tmp_path / "bag"):
        pass
    with pytest.raises(RecordingError, match=r"expected (image topics with messages|a readable bag).*found"):
        Bag(tmp_path / "bag")


def test_one_topic_only_is_refused(tmp_path, scene):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_image("/rgb/image", scene.START, "camera", scene.frame(0)[0], "rgb8")
    with pytest.raises(RecordingError, match="expected a depth image topic, found only /rgb/image; give it by --depth"):
        Bag(tmp_path / "bag")


def test_topics_of_other_types_are_refused_and_listed(tmp_path, scene):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write_camera_info("/rgb/camera_info", scene.START, "camera", scene.CAMERA)
    with pytest.raises(RecordingError, match=r"expected image topics.*camera_info \(sensor_msgs/msg/CameraInfo, 1 m"):
        Bag(tmp_path / "bag")


def test_a_depth_topic_of_the_wrong_type_is_refused_by_its_encoding(tmp_path, scene):
    rgb, _ = scene.frame(0)
    with BagWriter(tmp_path / "bag") as bag:
        for topic in ("/rgb/image", "/depth_raw/image"):
            bag.write_image(topic, scene.START, "camera", rgb, "rgb8")
    given = BagOptions(Streams("/rgb/image", "/depth_raw/image"))
    bag = Bag(tmp_path / "bag", given)
    assert list(bag.pairs()) == [] and bag.report.unusable == {"depth: encoding": 1}
    assert "expected one of the encodings 16UC1" in bag.report.examples["depth: encoding"]


def test_streams_without_pairs_are_refused_with_their_distance(tmp_path, scene):
    with BagWriter(tmp_path / "bag") as bag:
        for number in range(3):
            scene.write_pair(bag, 100 * number, *scene.frame(number), offset_ns=900_000_000)
    with pytest.raises(RecordingError, match=r"within 20 ms, found 3 colour and 3 depth images, 900\.0 ms apart"):
        list(Bag(tmp_path / "bag").pairs())


def test_a_path_without_a_bag_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="no such bag; expected"):
        Bag(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordingError, match="expected a readable bag.*Nothing could be salvaged"):
        Bag(tmp_path / "empty")


@pytest.mark.parametrize("storage", ["mcap", "db3"])
def test_a_truncated_bag_gives_what_is_left_and_says_what_is_lost(tmp_path, scene, storage):
    path = scene.write_scene(tmp_path / "bag", 12, storage) / f"bag.{storage}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    bag = Bag(tmp_path / "bag")
    pairs = list(bag.pairs())
    assert bag.salvaged and 4 <= len(pairs) < 12 and bag.report.losses
    for number, pair in enumerate(pairs):
        np.testing.assert_array_equal(pair.rgb, scene.frame(number * 2.0)[0])


def test_damage_further_on_asks_for_salvage(tmp_path, scene):
    path = scene.write_scene(tmp_path / "bag", 24, "db3") / "bag.db3"
    data = bytearray(path.read_bytes())
    behind = len(data) * 4 // 5
    data[behind : behind + 9000] = b"\xee" * 9000  # two pages at least
    path.write_bytes(data)
    with pytest.raises(DamagedRecordingError, match="damaged, reading stopped at"):
        list(Bag(tmp_path / "bag").pairs())
    bag = Bag(tmp_path / "bag", salvage=True)
    assert 20 <= len(list(bag.pairs())) < 24 and "damaged pages" in bag.report.losses[0]


DEPTH_CAMERA = Intrinsics(64, 48, 50.0, 50.0, 31.5, 23.5)


def write_unregistered(
    folder, scene, transform=True, info=True, topic="/depth_raw/image", camera=DEPTH_CAMERA, frame="depth"
):
    shift = np.eye(4)
    shift[0, 3] = 0.1
    rgb, _ = scene.frame(0)
    with BagWriter(folder) as bag:
        if transform:
            bag.write_static_transform(scene.START, "colour", "depth", shift)
        bag.write_camera_info("/rgb/camera_info", scene.START, "colour", scene.CAMERA)
        bag.write_image("/rgb/image", scene.START, "colour", rgb, "rgb8")
        if info:
            bag.write_camera_info(f"{topic.rpartition('/')[0]}/camera_info", scene.START, frame, camera)
        depth = np.full((48, 64), 2000, np.uint16)
        depth[:, 32:] = 3000
        bag.write_image(topic, scene.START, frame, depth, "16UC1")
    return folder


def test_depth_of_a_camera_of_its_own_is_registered(tmp_path, scene):
    bag = Bag(write_unregistered(tmp_path / "bag", scene))
    (pair,) = bag.pairs()
    # 50/60 of the colour camera's pixels, for depth to fill them
    assert pair.depth_camera == scene.CAMERA.resized(53, 40) and pair.depth.shape == (40, 53)
    # the edge lies on the depth camera's axis, 0.1 m to the right of the colour camera's: 0.1 / 2 * 49.7 px
    assert np.allclose(pair.depth[:, :28], 2.0) and np.allclose(pair.depth[:, 29:], 3.0)
    assert any("depth is not registered to colour; it is registered by /tf_static" in note for note in bag.notes)


def test_depth_that_cannot_be_registered_is_refused(tmp_path, scene):
    with pytest.raises(RecordingError, match="'depth' and colour in 'colour'.*found no transforms.*record /tf_static"):
        Bag(write_unregistered(tmp_path / "no_tf", scene, transform=False))
    with pytest.raises(RecordingError, match="expected a camera_info of both, found none for depth"):
        Bag(write_unregistered(tmp_path / "no_info", scene, info=False))


def test_depth_may_be_registered_in_spite_of_its_frame(tmp_path, scene):
    told = Bag(write_unregistered(tmp_path / "told", scene, transform=False), BagOptions(registered=True))
    topic = "/aligned_depth_to_color/image_raw"
    named = Bag(write_unregistered(tmp_path / "named", scene, topic=topic, camera=scene.CAMERA))
    for bag in (told, named):
        (pair,) = bag.pairs()
        assert pair.depth.shape == (48, 64) and np.allclose(pair.depth[:, :32], 2.0)
    assert any("by its topic's name" in note for note in named.notes)


def test_matrices_speak_louder_than_names_and_frames(tmp_path, scene):
    named = Bag(write_unregistered(tmp_path / "named", scene, topic="/aligned_depth_to_color/image_raw"))
    assert named.to_colour is not None
    with pytest.raises(RecordingError, match="up to . colour pixels although their frames are the same"):
        Bag(write_unregistered(tmp_path / "framed", scene, frame="colour"))
    same = Bag(write_unregistered(tmp_path / "same", scene, transform=False, camera=scene.CAMERA))
    assert same.to_colour is None and any("both cameras have the same view" in note for note in same.notes)


def test_values_out_of_range_are_holes(tmp_path, scene):
    for name, told in (("apart", None), ("taken", True)):
        folder = write_unregistered(tmp_path / name, scene)
        (pair,) = Bag(folder, BagOptions(registered=told, depth_max=2.5)).pairs()
        assert np.nanmax(pair.depth) == 2.0 and np.isnan(pair.depth[:, -20:]).all()
    with pytest.raises(ValueError, match="expected 0 <= depth_min < depth_max"):
        BagOptions(depth_min=3, depth_max=2)
