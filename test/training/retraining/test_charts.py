"""Charts have round ticks, all points inside, and nothing where there is nothing."""

import math
import re

import pytest

from training.retraining.charts import Series, chart, smoothed, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 10, [0, 2, 4, 6, 8, 10]), (0.4, 2.3, [0, 0.5, 1, 1.5, 2, 2.5]), (3, 3, [3, 3.5]), (0, 0, [0, 0.2])],
)
def test_ticks_are_round_and_span_the_values(low, high, expected):
    found = ticks(low, high)
    assert found[: len(expected)] == pytest.approx(expected) and found[-1] >= high and found[0] <= low


def test_all_points_lie_inside_the_frame():
    drawn = chart([Series("a", [(1.0, 0.3), (400.0, 7.0), (7.0, math.nan)], joined=False)], "step", "loss")
    spots = [(float(x), float(y)) for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    assert len(spots) == 2 and all(64 <= x <= 626 and 14 <= y <= 218 for x, y in spots)
    assert "step" in drawn and "loss" in drawn


def test_nothing_is_drawn_of_nothing():
    assert chart([Series("a", [])], "x", "y") == ""


def test_long_curves_are_averaged_in_runs():
    found = smoothed([(float(step), float(step % 2)) for step in range(1000)], 100)
    assert len(found) == 100 and all(loss == pytest.approx(0.5) for _, loss in found)
