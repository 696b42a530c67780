import numpy as np
import pytest

from demo.comparison import Compared, compare, picture, rmse_of
from demo.show import open_show

START = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def show(cache):
    return open_show(None, cache)


def truth_at(show, index):
    return next(f for f in show.reference.frames() if f.stream == "depth" and f.name == str(index)).metres()


def test_finds_the_truth_of_a_frame_by_its_stamp_in_any_round(show):
    indices = [7, 40, 103]
    outputs = {START + index * 100_000_000: truth_at(show, index % 100) for index in indices}
    compared = list(compare(show, START, outputs))
    assert len(compared) == 3
    for frame in compared:
        assert frame.rmse(frame.output) == 0
        assert frame.bicubic is not None and frame.rmse(frame.bicubic) > 0.05


def test_a_stamp_that_was_never_published_is_left_out(show):
    outputs = {START + 12_345: truth_at(show, 0)}
    frames = compare(show, START, outputs)
    assert next(frames, None) is None


def test_errors_count_only_pixels_valid_in_output_and_truth():
    rgb = np.zeros((2, 2, 3), np.uint8)
    truth = np.array([[1, 1], [np.nan, 1]], np.float32)
    output = np.array([[1.3, np.nan], [9, 1.4]], np.float32)
    frame = Compared(rgb, truth, output, truth, np.full((2, 2), 2.0, np.float32))
    errors = rmse_of([frame])
    assert errors is not None
    assert errors["output"] == pytest.approx(np.sqrt((0.09 + 0.16) / 2), rel=1e-5)
    assert errors["bicubic"] == pytest.approx(1.0)


def test_without_truth_there_is_no_error_and_no_error_panel(show):
    truth = truth_at(show, 0)
    rgb = np.zeros((*truth.shape, 3), np.uint8)
    unknown = Compared(rgb, truth, truth, None, None)
    assert rmse_of([unknown]) is None
    assert picture(unknown, "title").shape[1] > 3 * truth.shape[1]
