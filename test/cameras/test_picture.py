import numpy as np
import pytest

from depth_sr_ros.cameras.picture import Panel, Scale, compose, depth_panels, false_colours


def test_no_value_is_black_and_nothing_else_is():
    depth = np.linspace(1, 3, 64, dtype=np.float32).reshape(8, 8)
    depth[2, 3] = np.nan
    black = ~false_colours(depth, Scale(1.0, 3.0)).any(axis=2)
    assert black[2, 3] and black.sum() == 1


@pytest.mark.parametrize("palette", ["depth", "error"])
def test_equal_values_have_equal_colours_and_ends_differ(palette):
    row = np.array([[0.0, 1.0, 0.5, 0.5, -3.0, 9.0]], np.float32)
    first, last, a, b, below, above = false_colours(row, Scale(0.0, 1.0, palette=palette))[0].tolist()
    assert a == b and first != last and first == below and last == above


def test_scale_spans_the_valid_depth():
    depth = np.full((10, 10), np.nan, np.float32)
    depth[:5] = np.linspace(1, 2, 50, dtype=np.float32).reshape(5, 10)
    scale = Scale.of_depth(depth)
    assert 1.0 <= scale.low < 1.02 and 1.98 < scale.high <= 2.0


def test_a_scale_without_values_can_still_be_drawn():
    assert Scale.of_depth(np.full((4, 4), np.nan, np.float32)).high > 0


def test_panels_lie_in_the_page_as_they_are():
    rng = np.random.default_rng(2)
    images = [rng.integers(0, 256, (40, 60, 3), dtype=np.uint8) for _ in range(3)]
    page = compose([Panel(image, "caption", Scale(0, 1)) for image in images], columns=2, title="title")
    for image in images:
        rows, columns = np.where((page == image[0, 0]).all(axis=2))
        found = [np.array_equal(page[y : y + 40, x : x + 60], image) for y, x in zip(rows, columns, strict=True)]
        assert any(found)


def test_depth_panels_share_one_scale_and_size():
    rgb = np.zeros((48, 64, 3), np.uint8)
    coarse, dense = np.full((6, 8), 2.0, np.float32), np.full((48, 64), 2.5, np.float32)
    colour, sensor, upsampled = depth_panels(rgb, coarse, dense)
    assert colour.image.shape == sensor.image.shape == upsampled.image.shape == (48, 64, 3)
    assert sensor.scale == upsampled.scale
