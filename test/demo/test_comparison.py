import numpy as np
import pytest

from demo.comparison import Accuracy, Compared, compare
from demo.peers import Peers
from depth_sr_ros.upsampler import Upsampler

START = 1_700_000_000_000_000_000


def truth_at(show, index):
    return next(f for f in show.reference.frames() if f.stream == "depth" and f.name == str(index)).metres()


def test_finds_the_truth_of_a_frame_by_its_stamp_in_any_round(show):
    indices = [7, 40, 103]
    outputs = {START + index * 100_000_000: truth_at(show, index % 100) for index in indices}
    compared = list(compare(show, START, outputs))
    assert len(compared) == 3
    for frame in compared:
        assert frame.errors(frame.output).max() == 0
        assert 0.01 < frame.errors(frame.peers.bicubic).mean() < 0.1
        assert frame.raw.shape != frame.output.shape


def test_a_stamp_that_was_never_published_is_left_out(show):
    outputs = {START + 12_345: truth_at(show, 0)}
    frames = compare(show, START, outputs)
    assert next(frames, None) is None


NAN = np.nan
TRUTH = np.array([[1, 1, 1], [NAN, 1, 1]], np.float32)
OUTPUT = np.array([[1.3, NAN, 1], [9, 1.4, 1]], np.float32)
ALIGNED = np.array([[1.1, 1.2, NAN], [5, NAN, 1]], np.float32)


@pytest.fixture
def frame() -> Compared:
    dense = np.full(TRUTH.shape, 2, np.float32)
    peers = Peers(ALIGNED, dense, dense + np.float32(0.5))
    return Compared(np.zeros((2, 3, 3), np.uint8), TRUTH, OUTPUT, peers, TRUTH)


def test_output_and_peers_are_scored_on_the_pixels_of_the_output(frame):
    found = Accuracy.of([frame])
    assert found is not None
    # four pixels: 0.3, 0, 0.4, 0
    assert found.rmse_m["output"] == pytest.approx(np.sqrt((0.09 + 0.16) / 4), rel=1e-5)
    assert found.mae_m["output"] == pytest.approx(0.7 / 4, rel=1e-5)
    assert found.rmse_m["classical"] == pytest.approx(1) and found.mae_m["bicubic"] == pytest.approx(1.5)


def test_the_input_is_scored_where_it_has_a_value_and_the_output_there_too(frame):
    found = Accuracy.of([frame])
    assert found is not None
    # three pixels: 0.1, 0.2, 0; the output has two of them: 0.3, 0
    assert found.rmse_m["input"] == pytest.approx(np.sqrt((0.01 + 0.04) / 3), rel=1e-4)
    assert found.mae_m["output_where_input"] == pytest.approx(0.15, rel=1e-5)
    assert found.coverage == {"input": pytest.approx(3 / 5), "output": pytest.approx(4 / 5)}


def test_figures_are_means_over_the_frames_whose_truth_is_known(frame):
    exact = Compared(frame.rgb, frame.raw, TRUTH, frame.peers, TRUTH)
    unknown = Compared(frame.rgb, frame.raw, OUTPUT, frame.peers, None)
    alone, both = Accuracy.of([frame]), Accuracy.of([frame, exact, unknown])
    assert alone is not None and both is not None
    assert both.mae_m["output"] == pytest.approx(alone.mae_m["output"] / 2)
    assert Accuracy.of([unknown]) is None


def test_the_default_does_better_than_its_input_and_its_peers(show):
    upsampler, outputs = Upsampler(), {}
    frames = list(show.published.frames())
    for index in (0, 30, 55):
        colour, depth = frames[2 * index : 2 * index + 2]
        result = upsampler(np.ascontiguousarray(colour.load()[0]), depth.metres(), show.cameras)
        outputs[START + depth.stamp_ns] = result.depth
    found = Accuracy.of(list(compare(show, START, outputs)))
    assert found is not None and upsampler.describe().scale == 0
    for errors in (found.rmse_m, found.mae_m):
        assert errors["output"] < min(errors["classical"], errors["bicubic"])
        assert errors["output_where_input"] < errors["input"]
    assert found.coverage["input"] < found.coverage["output"]
