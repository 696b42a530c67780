import numpy as np
import pytest
from live_networks import live_artifact

from depth_sr_ros.cameras.camera import Intrinsics
from depth_sr_ros.cameras.errors import FrameError
from depth_sr_ros.engines import EngineError
from depth_sr_ros.offline.upsampling import BagSink, PngSink, upsample_recording
from depth_sr_ros.recordings.image_files import read_depth
from depth_sr_ros.recordings.recording import RecordedFrame
from depth_sr_ros.upsampler import Upsampler

CAMERA = Intrinsics(128, 96, 100.0, 100.0, 63.5, 47.5)
STEP = 100_000_000


class Recorded:
    """Slanted planes; frames named in `bad` cannot be used."""

    name, rate_hz, depth_count, notes = "planes", 10.0, 3, ()

    def __init__(self, bad=(), lonely=False):
        self._bad, self._lonely = bad, lonely

    def frames(self):
        for index in range(3):
            stamp = index * STEP
            yield RecordedFrame("colour", f"{index}", stamp, "camera", CAMERA, self._colour)
            if not (self._lonely and index == 2):
                camera = CAMERA.resized(16, 12)
                yield RecordedFrame("depth", f"{index}", stamp, "camera", camera, lambda i=index: self._depth(i))

    def _colour(self):
        return np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8), "rgb8"

    def _depth(self, index):
        if index in self._bad:
            raise FrameError("unreadable", "expected an image, found none")
        return (1000 + 50 * np.add(*np.mgrid[0:12, 0:16])).astype(np.uint16), "16UC1"


@pytest.fixture(scope="module")
def upsampler():
    upsampler = Upsampler()
    yield upsampler
    upsampler.close()


def test_writes_a_metric_16_bit_png_per_frame(tmp_path, upsampler):
    counts = upsample_recording(Recorded(), upsampler, [PngSink(tmp_path / "out")], 0)
    assert counts.frames == 3 and not counts.failed and counts.unpaired == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["0.png", "1.png", "2.png"]
    depth = read_depth(tmp_path / "out" / "0.png")
    assert depth.shape == (96, 128) and depth.dtype == np.uint16
    # the plane's middle lies midway between its corners, whatever the network does to its edges
    assert abs(int(depth[48, 64]) - 1650) < 60


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    """Serves by live weights."""
    artifact = live_artifact(tmp_path_factory.mktemp("live"))
    upsampler = Upsampler(weights=artifact.folder, engine="onnxruntime")
    yield upsampler
    upsampler.close()


class Kept:
    """Keeps results."""

    def __init__(self):
        self.results = []

    def write(self, colour, depth, result):
        self.results.append(result)


def test_live_weights_leave_their_expected_error_beside_the_depth(tmp_path, live):
    kept, bag = Kept(), BagSink(tmp_path / "bag", "mcap")
    one = upsample_recording(Recorded(bad=(0, 2)), live, [PngSink(tmp_path / "one.png", 1)], 0)
    upsample_recording(Recorded(), live, [kept, PngSink(tmp_path / "many"), bag], 0)
    bag.close(complete=True)
    told = kept.results[1]
    tenths = read_depth(tmp_path / "many" / "uncertainty" / "1.png")
    assert one.frames == 1 and np.array_equal(read_depth(tmp_path / "one_uncertainty.png"), tenths)
    assert np.array_equal(tenths == 0, np.isnan(told.depth))
    fits = np.isfinite(told.depth) & (told.expected_error > 1e-4) & (told.expected_error < 6.5)
    assert fits.any()
    np.testing.assert_allclose(tenths[fits] / 1e4, told.expected_error[fits], atol=5.1e-5)
    from rosbags.highlevel import AnyReader

    with AnyReader([tmp_path / "bag"]) as reader:
        images = {
            c.topic: reader.deserialize(data, c.msgtype) for c, _, data in reader.messages() if "info" not in c.topic
        }
    last, depth = images["/depth/uncertainty"], images["/depth/upsampled"]
    assert (last.encoding, last.header) == ("32FC1", depth.header)
    in_bag = np.frombuffer(last.data, np.float32).reshape(last.height, last.width)
    np.testing.assert_array_equal(in_bag, kept.results[2].uncertainty)


def test_the_papers_networks_leave_no_expected_error(tmp_path):
    papers = Upsampler(scale=8)
    upsample_recording(Recorded(), papers, [PngSink(tmp_path)], 0)
    papers.close()
    assert not (tmp_path / "uncertainty").exists()


def test_one_file_takes_one_frame_and_no_second(tmp_path, upsampler):
    with pytest.raises(ValueError, match="found a second frame; give a folder"):
        upsample_recording(Recorded(), upsampler, [PngSink(tmp_path / "one.png")], 0)
    upsample_recording(Recorded(bad=(0, 2)), upsampler, [PngSink(tmp_path / "two.png", 1)], 0)
    assert read_depth(tmp_path / "two.png").shape == (96, 128)


def test_writes_a_bag_like_the_nodes_output(tmp_path, upsampler):
    sink = BagSink(tmp_path / "out", "mcap")
    upsample_recording(Recorded(), upsampler, [sink], 0)
    sink.close(complete=True)
    from rosbags.highlevel import AnyReader

    with AnyReader([tmp_path / "out"]) as reader:
        messages = [(c.topic, reader.deserialize(data, c.msgtype)) for c, _, data in reader.messages()]
    images = [message for topic, message in messages if topic == "/depth/upsampled"]
    infos = [message for topic, message in messages if topic == "/depth/camera_info"]
    assert [m.header.stamp.nanosec for m in images] == [0, STEP, 2 * STEP]
    assert {(m.encoding, m.width, m.height, m.header.frame_id) for m in images} == {("32FC1", 128, 96, "camera")}
    assert [(m.width, m.height, m.k[0]) for m in infos] == [(128, 96, 100.0)] * 3


def test_an_abandoned_bag_leaves_nothing(tmp_path, upsampler):
    BagSink(tmp_path / "out", "db3").close(complete=False)
    assert list(tmp_path.iterdir()) == []


def test_a_bag_without_a_frame_is_removed(tmp_path, upsampler):
    sink = BagSink(tmp_path / "out", "mcap")
    counts = upsample_recording(Recorded(bad=(0, 1, 2)), upsampler, [sink], 0)
    sink.close(complete=True)
    assert counts.failed == {"unreadable": 3} and list(tmp_path.iterdir()) == []


def test_counts_bad_frames_by_cause_and_goes_on(tmp_path, upsampler):
    counts = upsample_recording(Recorded(bad=(1,)), upsampler, [PngSink(tmp_path)], 0)
    assert counts.frames == 2 and counts.failed == {"unreadable": 1}
    assert "1 failed (unreadable)" in counts.summary()
    assert "expected an image" in counts.reasons["unreadable"]


def test_counts_frames_without_a_partner(tmp_path, upsampler):
    counts = upsample_recording(Recorded(lonely=True), upsampler, [PngSink(tmp_path)], 0)
    assert (counts.frames, counts.unpaired) == (2, 1)


def test_counts_what_the_engine_refuses(tmp_path):
    def failing(rgb, depth):
        raise EngineError("engine broken")

    counts = upsample_recording(Recorded(), failing, [PngSink(tmp_path)], 0)
    assert counts.frames == 0 and counts.failed == {"engine_error": 3}
