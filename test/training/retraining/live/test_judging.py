"""Whether new live weights may serve: better than the old ones and than the filter, and nothing forgotten."""

import json

import pytest

from training.retraining.live.judging import change, judge_live
from training.retraining.settings import Margins


def one(network, filtered=10.0, edges=None, camera="hall"):
    def both(value):
        return {"mae": value, "edges": edges if edges is not None else 4 * value}

    return {"camera": camera, "measures": {"network": both(network), "filter": both(filtered)}, "honest": 0.6}


def found(held, simulated=5.0):
    return {"held": [one(held)], "simulated": [one(simulated)]}


def test_better_than_old_weights_and_filter_is_promoted():
    verdict = judge_live(found(8.0), found(6.0), Margins())
    assert verdict.promoted and verdict.held == pytest.approx(-0.25) and verdict.to_filter == pytest.approx(-0.4)
    assert "held frames -25.00 %" in verdict.words


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (found(8.0), found(8.0), "against the old weights"),
        (found(12.0), found(11.0), r"\+10.00 % against the filter"),
        (found(8.0), found(6.0, 5.1), r"simulated got worse by \+2.00 %, at most 1 %"),
    ],
)
def test_what_is_not_better_is_refused(before, after, said):
    verdict = judge_live(before, after, Margins())
    assert not verdict.promoted
    import re

    assert re.search(said, verdict.words)


def test_edges_do_not_buy_a_larger_error_overall():
    before, after = ({"held": [one(8.0, edges=40.0)], "simulated": [one(5.0)]} for _ in "ab")
    after["held"] = [one(8.1, edges=30.0)]
    verdict = judge_live(before, after, Margins())
    assert verdict.held < 0 and not verdict.promoted
    assert verdict.reasons == (
        "held frames +1.25 % against the old weights, edges not counted apart, expected better than +0.00 %",
    )


def test_an_error_that_could_not_be_measured_is_left_out_and_none_at_all_is_refused():
    flat = {
        "camera": "hall",
        "measures": {"network": {"mae": 4.0, "edges": None}, "filter": {"mae": 8.0, "edges": None}},
    }
    assert change([flat], [flat]) == 0 and change([flat], [flat], "filter") == pytest.approx(-0.5)
    nothing = json.loads(json.dumps(flat).replace("4.0", "null").replace("8.0", "null"))
    empty = {"held": [nothing], "simulated": [one(5.0)]}
    assert not judge_live(empty, empty, Margins(held=1.0)).promoted


def test_a_recording_that_got_worse_alone_is_told():
    before = {"held": [one(8.0), one(8.0, camera="study")]}
    after = {"held": [one(9.0), one(4.0, camera="study")]}
    verdict = judge_live(before, after, Margins())
    assert verdict.promoted and verdict.notes == ("recording hall alone got worse by +12.50 %",)
